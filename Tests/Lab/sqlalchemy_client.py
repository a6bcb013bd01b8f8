"""SQLAlchemy with psycopg and with asyncpg: all of its inspection of every schema, reflection, queries, errors."""

import asyncio
import os
import warnings

import sqlalchemy as sa
from lab import ask, show, tls
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.ext.asyncio import create_async_engine

warnings.simplefilter("ignore")


def address(driver):
    environment = os.environ
    return sa.URL.create(
        f"postgresql+{driver}", username=environment["PGUSER"], password=environment["PGPASSWORD"],
        host=environment["PGHOST"], port=int(environment["PGPORT"]), database=environment["PGDATABASE"])


def look(connection, driver):
    inspector = sa.inspect(connection)
    show(f"{driver} version", connection.dialect.server_version_info)
    schemas = inspector.get_schema_names()
    show(f"{driver} schemas", schemas)
    for schema in schemas:
        for what in ("table", "view", "sequence", "materialized_view", "foreign_table"):
            ask(f"{driver} {schema} {what}", lambda: getattr(inspector, f"get_{what}_names")(schema=schema))
        for what in ("enums", "domains"):
            ask(f"{driver} {schema} {what}", lambda: getattr(inspector, f"get_{what}")(schema=schema))
        for what in ("columns", "pk_constraint", "foreign_keys", "indexes", "unique_constraints", "check_constraints",
                     "table_comment", "table_options"):
            ask(f"{driver} {schema} {what}", lambda: sorted(
                getattr(inspector, f"get_multi_{what}")(schema=schema, kind=ObjectKind.ANY).items(), key=repr))
        if schema != "information_schema":
            for view in inspector.get_view_names(schema=schema):
                ask(f"{driver} {schema}.{view}", lambda: inspector.get_view_definition(view, schema=schema))
    ask(f"{driver} temporary tables", inspector.get_temp_table_names)
    metadata = sa.MetaData()
    ask(f"{driver} reflection", lambda: metadata.reflect(connection, schema="museum", views=True))
    ask(f"{driver} reflection of the shop", lambda: metadata.reflect(connection, views=True))
    show(f"{driver} tables", sorted(metadata.tables))
    customers, orders = metadata.tables["customers"], metadata.tables["orders"]
    ask(f"{driver} join", lambda: connection.execute(
        sa.select(orders.c.id, customers.c.country).join(customers).where(orders.c.id < 9).order_by(orders.c.id)).all())
    ask(f"{driver} masked", lambda: connection.execute(
        sa.select(customers.c.id, customers.c.email).where(customers.c.id < 3).order_by(customers.c.id)).all())
    ask(f"{driver} stream", lambda: len(
        connection.execution_options(yield_per=50).execute(sa.select(orders.c.id).limit(777)).all()))
    ask(f"{driver} refused", lambda: connection.execute(sa.select(customers.c.id).where(customers.c.full_name.like("a%"))).all())
    connection.rollback()
    ask(f"{driver} after it", lambda: connection.scalar(sa.text("SELECT 'goes on'")))


engine = sa.create_engine(address("psycopg"), pool_pre_ping=True)
with engine.connect() as connection:
    look(connection, "psycopg")
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    ask("autocommit", lambda: connection.scalar(sa.text("SELECT 1")))
with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
    ask("repeatable read", lambda: connection.scalar(sa.text("SHOW transaction_isolation")))
once = sa.create_engine(address("psycopg"), poolclass=sa.NullPool)
with once.connect().execution_options(postgresql_readonly=True, postgresql_deferrable=True) as connection:
    ask("read only", lambda: connection.scalar(sa.text("SHOW transaction_read_only")))


async def with_asyncpg():
    engine = create_async_engine(address("asyncpg"), connect_args={"ssl": tls()})
    async with engine.connect() as connection:
        await connection.run_sync(look, "asyncpg")
    async with engine.connect() as connection:
        rows = await connection.stream(sa.text("SELECT id FROM orders LIMIT 1000"))
        show("asyncpg stream of all", len([row async for row in rows]))
    await engine.dispose()


asyncio.run(with_asyncpg())
show("done", True)
