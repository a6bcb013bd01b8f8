"""asyncpg: binary results, statements prepared on the server, cursors, COPY, pools, listeners, its own look at types."""

import asyncio
import datetime
import io

import asyncpg
from lab import ask_async as ask
from lab import options, show, tls


async def main():
    connection = await asyncpg.connect(**options(), ssl=tls())
    fetch = connection.fetch
    await ask("composites, enums, ranges", lambda: fetch("SELECT * FROM museum.rooms WHERE id < $1 ORDER BY id", 4))
    await ask("items", lambda: fetch("SELECT * FROM museum.items WHERE id < $1 ORDER BY id", 20))
    await ask("masked", lambda: fetch("SELECT id, email, card, date_of_birth FROM customers WHERE id = ANY($1)", [3, 4]))
    await ask("parameters", lambda: fetch(
        "SELECT $1::text[], $2::jsonb, $3::timestamptz, $4::numeric, $5::uuid, $6::inet, $7::museum.mood, $8::museum.period",
        ["a", None], '{"b": 1}', datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc), 3,
        "00000000-0000-0000-0000-000000000001", "10.0.0.1", "calm", asyncpg.Range(1, 2)))
    await ask("constructed", lambda: fetch("SELECT ROW(1, 'a'::text), ARRAY['calm'::museum.mood]"))

    async def cursors():
        seen = []
        async with connection.transaction():
            async for row in connection.cursor("SELECT id FROM orders ORDER BY id LIMIT 120", prefetch=25):
                seen.append(row["id"])
            cursor = await connection.cursor("SELECT id FROM orders ORDER BY id")
            rows = await cursor.fetch(7)
            await cursor.forward(5)
            rows += await cursor.fetch(2)
        return len(seen), sum(seen), [row["id"] for row in rows]

    async def transaction(**how):
        async with connection.transaction(**how):
            return await connection.fetchval("SHOW transaction_isolation")

    async def nested():
        async with connection.transaction():
            try:
                async with connection.transaction():
                    await connection.execute("SELECT 1/0")
            except asyncpg.DivisionByZeroError:
                pass
            return await connection.fetchval("SELECT 'goes on'")

    async def copy_out():
        out = io.BytesIO()
        tag = await connection.copy_from_query(
            "SELECT id, name FROM museum.rooms WHERE id < $1 ORDER BY id", 4, output=out, format="csv")
        table = io.BytesIO()
        await connection.copy_from_table(
            "rooms", schema_name="museum", columns=["id", "name", "size", "mood", "place", "open"], output=table,
            format="binary")
        return tag, out.getvalue(), table.getvalue()[:2000], len(table.getvalue())

    await ask("cursors", cursors)
    await ask("repeatable read", lambda: transaction(isolation="repeatable_read", readonly=True))
    await ask("serializable", lambda: transaction(isolation="serializable", readonly=True, deferrable=True))
    await ask("nested", nested)
    await ask("copy out", copy_out)
    await ask("many executions", lambda: connection.executemany("SELECT $1::int", [(n,) for n in range(200)]))
    await ask("syntax error", lambda: fetch("SELECT 1 FROM WHERE"))
    await ask("refused", lambda: connection.execute("DROP TABLE customers"))
    await ask("refused in the extended protocol", lambda: fetch("DELETE FROM customers WHERE id = $1", 1))
    await ask("schema state", connection.reload_schema_state)
    await ask("time-out", lambda: fetch("SELECT pg_sleep(30)", timeout=0.3))
    await ask("after it", lambda: connection.fetchval("SELECT 'goes on'"))
    heard = asyncio.get_running_loop().create_future()
    await ask("listen", lambda: connection.add_listener("museum", lambda *what: heard.set_result(what[3])))
    await ask("reset", connection.reset)
    await connection.close()

    pool = await asyncpg.create_pool(**options(), ssl=tls(), min_size=2, max_size=4)

    async def one(number):
        async with pool.acquire() as member:
            return await member.fetchval("SELECT $1::int", number)

    await ask("pool", lambda: asyncio.gather(*[one(number) for number in range(40)]))
    await pool.close()
    show("done", True)


asyncio.run(main())
