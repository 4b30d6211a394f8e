"""The artists of the `sample` source: small painting algorithms, so that the demo has styles without any download."""
