# Reflection and automap of the schemas named. A type that SQLAlchemy does not know is a warning, here an
# error.
import sys
import warnings

import sqlalchemy
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import Session

warnings.simplefilter("error", sqlalchemy.exc.SAWarning)
# libpq takes host, port, user and database from the environment.
engine = sqlalchemy.create_engine("postgresql+psycopg2://")
inspector = sqlalchemy.inspect(engine)


def reflect(schema):
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine, schema=schema, views=True)
    for name in inspector.get_foreign_table_names(schema):
        sqlalchemy.Table(name, metadata, schema=schema, autoload_with=engine)
    with engine.connect() as connection:
        for table in metadata.tables.values():
            connection.execute(table.select().limit(1)).all()
    return len(metadata.tables)


def automap(schema):
    base = automap_base(metadata=sqlalchemy.MetaData())
    base.prepare(autoload_with=engine, schema=schema)
    with Session(engine) as session:
        for mapped in base.classes:
            session.query(mapped).limit(1).all()
    return len(list(base.classes))


relations = {schema: reflect(schema) for schema in sys.argv[1:]}
classes = {schema: automap(schema) for schema in sys.argv[1:]}
assert relations["sambapos"] > 15 and relations["sambapos_live_shop"] > 30
assert classes["sambapos_replica"] == relations["sambapos_replica"] > 40, "a replica table is not mapped: has it a key?"
print(f"{sqlalchemy.__version__}: {sum(relations.values())} relations, {sum(classes.values())} classes")
