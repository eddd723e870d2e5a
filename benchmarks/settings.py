"""The project that is measured: one engine and one shape, both named by the environment."""

import os

ENGINES = {
    "sqlite": {"ENGINE": "django.db.backends.sqlite3"},
    "postgresql": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("PGHOST", "127.0.0.1"),
        "PORT": os.environ.get("PGPORT", ""),
        "USER": os.environ.get("PGUSER", "root"),
        "PASSWORD": os.environ.get("PGPASSWORD", ""),
    },
    "mysql": {
        "ENGINE": "django.db.backends.mysql",
        "HOST": os.environ.get("MYSQL_HOST", "127.0.0.1"),
        "PORT": os.environ.get("MYSQL_PORT", ""),
        "USER": os.environ.get("MYSQL_USER", "root"),
        "PASSWORD": os.environ.get("MYSQL_PASSWORD", ""),
    },
}
DATABASES = {
    "default": {
        **ENGINES[os.environ.get("BENCHMARK_ENGINE", "sqlite")],
        "NAME": os.environ.get("BENCHMARK_NAME", "benchmark.sqlite3"),
    }
}
SECRET_KEY = "benchmark"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_sqlite_backup",
    *([] if os.environ.get("BENCHMARK_SHAPE", "empty") == "empty" else ["benchmarks.shapes"]),
]
