# Reads every model that inspectdb wrote; tickets of the replica as a report would.
import django
from django.apps import apps
from django.conf import settings

django.setup()
application = apps.get_app_config(settings.SCHEMA)
models = list(application.get_models())
for model in models:
    # A view and a foreign table have no key, so Django makes up a field "id" that is not there.
    columns = [field.name for field in model._meta.fields if not field.auto_created]
    list(model.objects.values(*columns)[:1])
if settings.SCHEMA == "sambapos_replica":
    tickets = application.get_model("Tickets").objects
    assert tickets.filter(row_state="cleared").count() > 0
    assert tickets.filter(site_id=1, epoch=1).values("id").distinct().count() == tickets.count()
print(f"Django {django.get_version()}: {settings.SCHEMA}: {len(models)} models")
