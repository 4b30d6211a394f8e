"""A Prefect server with PostgreSQL, a worker, and the deployments of prefect.yaml, run by compose.yaml's commands."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import needs
import pandas as pd
import pytest
import yaml
from server_trial import Api, environment, free_port, photographs, run_file, wait_for

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
DEPLOYMENTS: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
PASSWORD = "p4ssword"
PASSWORD_IN_COMPOSE = "${POSTGRES_PASSWORD:?choose one}"


class Composed:
    """What compose.yaml says of a service, with this machine's ports for its hosts."""

    def __init__(self, database: int, server: int) -> None:
        self._places = {
            PASSWORD_IN_COMPOSE: PASSWORD,
            "@database:5432/": f"@127.0.0.1:{database}/",
            "//server:4200/": f"//127.0.0.1:{server}/",
            "//127.0.0.1:4200/": f"//127.0.0.1:{server}/",
        }
        self._server = server

    def command(self, service: str) -> list[str]:
        words = [self._here(word) for word in COMPOSE["services"][service]["command"]]
        return [str(self._server) if word == "4200" else "127.0.0.1" if word == "0.0.0.0" else word for word in words]

    def environment(self, service: str) -> dict[str, str]:
        told = COMPOSE["services"][service].get("environment", {})
        return {name: self._here(value) for name, value in told.items()}

    def _here(self, text: str) -> str:
        for place, here in self._places.items():
            text = text.replace(place, here)
        return text


@pytest.fixture
def database() -> Iterator[int]:
    """The port of a PostgreSQL server as compose.yaml's `database`: its user, password and database."""
    programs = needs.postgres()
    told, port = COMPOSE["services"]["database"]["environment"], free_port()
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="nst-postgres-"))  # pytest's own folders are for their owner alone
    password = folder / "password"
    password.write_text(PASSWORD)
    if user:
        for path in (folder, password):
            shutil.chown(path, "postgres")

    def call(program: str, *arguments: str) -> None:
        call_environment = {**os.environ, "PGPASSWORD": PASSWORD}
        subprocess.run(
            [*user, str(programs / program), *arguments], cwd=folder, env=call_environment, check=True, timeout=120
        )

    data, at = str(folder / "data"), ["-h", "127.0.0.1", "-p", str(port), "-U", told["POSTGRES_USER"]]
    call("initdb", "-D", data, "-U", told["POSTGRES_USER"], "--pwfile", str(password), "--auth", "scram-sha-256")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    call("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        if told["POSTGRES_DB"] != "postgres":
            call("createdb", *at, told["POSTGRES_DB"])
        yield port
    finally:
        call("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@contextlib.contextmanager
def running(command: list[str], folder: Path, variables: dict[str, str], log: Path) -> Iterator[None]:
    """A service in the background, ended with its children at the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(**variables), stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
def test_a_scheduled_run_fires_and_the_next_one_processes_only_the_two_new_photographs(
    database: int, tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    work, logs = tmp_path / "work", tmp_path / "logs"
    logs.mkdir()
    run_file(work, make_image)
    for deployment in DEPLOYMENTS["deployments"]:
        deployment["parameters"] = {"file": "photos.yaml"}
        for schedule in deployment.get("schedules", ()):
            schedule["cron"] = "* * * * *"
    (work / "prefect.yaml").write_text(yaml.safe_dump(DEPLOYMENTS))
    port = free_port()
    composed, api = Composed(database, port), Api(port)
    ours = {"PREFECT_HOME": str(tmp_path / "prefect"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def service(name: str) -> contextlib.AbstractContextManager[None]:
        variables = composed.environment(name) | ours
        return running(composed.command(name), work, variables, logs / f"{name}.log")

    with service("server"):
        wait_for("the server", api.healthy)
        deploying = subprocess.run(
            composed.command("pool"),
            cwd=work,
            env=environment(**composed.environment("pool"), **ours),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert deploying.returncode == 0, deploying.stdout + deploying.stderr
        found = {deployment["name"]: deployment for deployment in api.filtered("deployments")}
        assert set(found) == {"download", "stylize", "gallery", "nightly"}
        for deployment in found.values():
            assert deployment["global_concurrency_limit"]["limit"] == 1
            assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
        with service("worker"):
            first = wait_for("the first run", lambda: api.nightly_runs("Completed"))[0]
            assert first["auto_scheduled"]
            assert first["state"]["message"].startswith("2 new images; 2 of 2 pairs are done")
            # Logs reach the server a while after the state.
            wait_for("its log", lambda: "Stylizing: 2/2 images" in "\n".join(api.log_of(first)))
            images = work / "outputs" / "photos" / "images"
            before = {path: path.stat().st_mtime_ns for path in images.rglob("*.png")}
            photographs(work, make_image, 3, 4)
            second = wait_for("the run after that", lambda: with_new_images(api, first))
            assert second["auto_scheduled"]
            assert second["state"]["message"].startswith("2 new images; 4 of 4 pairs are done")
            assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    parts = sorted((work / "outputs" / "photos" / "plan").glob("*.parquet"))
    assert [len(pd.read_parquet(part)) for part in parts] == [2, 2]
    assert len(pd.read_parquet(work / "outputs" / "photos" / "results")) == 4
    assert PASSWORD not in "".join(path.read_text() for path in logs.iterdir())


def with_new_images(api: Api, first: dict[str, Any]) -> dict[str, Any] | None:
    """The next run that found the new photographs; one may have begun before they came."""
    runs = [run for run in api.nightly_runs("Completed") if run["id"] != first["id"]]
    return next((run for run in runs if "Nothing new" not in run["state"]["message"]), None)


def test_the_services_of_compose_fit_each_other() -> None:
    services = COMPOSE["services"]
    assert set(services) == {"database", "server", "pool", "worker"}
    assert services["database"]["environment"]["POSTGRES_PASSWORD"] == PASSWORD_IN_COMPOSE, "no password by default"
    told = services["database"]["environment"]
    url = services["server"]["environment"]["PREFECT_API_DATABASE_CONNECTION_URL"]
    login = f"{told['POSTGRES_USER']}:{told['POSTGRES_PASSWORD']}"
    assert url == f"postgresql+asyncpg://{login}@database:5432/{told['POSTGRES_DB']}"
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services)
        built = "build" in service
        assert built == (name != "database")
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "the API has no password: it is for this machine"


def test_every_deployment_is_a_flow_that_takes_its_parameters() -> None:
    from importlib import import_module

    pool = COMPOSE["services"]["pool"]["command"][-1]
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        module, _, name = deployment["entrypoint"].rpartition(".")
        flow = getattr(import_module(module), name)
        assert flow.name == f"nst-{deployment['name']}"
        flow.validate_parameters(deployment["parameters"])
        assert f"work-pool create {deployment['work_pool']['name']} " in pool
    assert f"--pool {deployment['work_pool']['name']}" in " ".join(COMPOSE["services"]["worker"]["command"])
