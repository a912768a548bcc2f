"""Makes small folders for the tests, from the texts of their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

COMPOSE = """
services:
  web:
    build: .
    command: uvicorn app:app --host 0.0.0.0 --port 8000
    ports: ["80:8000"]
    environment:
      DATABASE_URL: postgresql://app:${DB_PASSWORD:-hunter22}@db:5432/app
      REDIS_HOST: cache
      LOG_LEVEL: debug
      SECRET_KEY: not-to-be-copied
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/healthz"]
    depends_on: [db, cache]
  worker:
    build: .
    command: celery worker
  db:
    image: postgres:15-alpine
  cache:
    image: docker.io/valkey/valkey:8-alpine
  search:
    image: getmeili/meilisearch:v1.6
"""


def folder_of(place: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files into the folder `place`, and return it."""
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return place
