# A project whose one application is a schema: inspectdb reads what search_path names.
import os

SCHEMA = os.environ["SCHEMA"]
INSTALLED_APPS = [SCHEMA]
SECRET_KEY = "a test's"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PGHOST"],
        "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"],
        "OPTIONS": {"options": f"-c search_path={SCHEMA}"},
    }
}
