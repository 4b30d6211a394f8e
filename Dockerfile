# The image of the Prefect server, of `prefect deploy` and of the workers: compose.yaml.
FROM python:3.12-slim
WORKDIR /opt/nst
COPY pyproject.toml README.md LICENSE ./
COPY configs configs
COPY nst_core nst_core
COPY flows flows
# Fonts for the names on contact sheets.
RUN apt-get update && apt-get install -y --no-install-recommends fonts-liberation fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir ".[s3]"
WORKDIR /project
