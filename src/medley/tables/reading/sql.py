"""Tables from databases: a query or the name of a table, and a connection or the URI of a database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medley.core.foreign_errors import described
from medley.errors import DataError, MedleyError, MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

_STATEMENT = re.compile(r"\s*(select|with|from|show|values|table|call|exec|pragma)\s", re.IGNORECASE)
_DATABASES = re.compile(
    r"(sqlite|duckdb|postgres(ql)?|mysql|mariadb|mssql|oracle|snowflake|bigquery|redshift|clickhouse\w*|trino|databricks)"
    r"(\+\w+)?:",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Query:
    """Rows of a database; a table wherever medley takes one.

    Args:
        sql: a query, or the name of a table. Left out, the only table of the database.
        connection: a connection (of SQLAlchemy, DuckDB, ADBC, `sqlite3` or any other driver of the Python database
            API), or a URI such as `"sqlite:///pets.db"`, `"duckdb:///pets.duckdb"`, `"postgresql://host/pets"`.

    >>> import sqlite3
    >>> connection = sqlite3.connect(":memory:")
    >>> _ = connection.execute("CREATE TABLE pets AS SELECT 3 AS age, 'f' AS sex")
    >>> Query("pets", connection).fetch().to_dict("list")
    {'age': [3], 'sex': ['f']}
    """

    sql: str = ""
    connection: Any = None

    def fetch(self) -> pd.DataFrame:
        """Run the query.

        Raises:
            DataError: there is no connection, the database has no such table, or the query fails.
            MissingDependencyError: a driver is not installed.
        """
        if self.connection is None:
            raise DataError(f"A query needs a database: pass connection=, for the query {_shortened(self.sql)}.")
        try:
            return _read(self.sql, self.connection)
        except MedleyError:
            raise
        except ModuleNotFoundError as error:
            package = str(error.name)
            raise MissingDependencyError(f"{self} needs {package}.", package=package) from None
        except Exception as error:  # each driver has its own
            raise DataError(f"{self} cannot be read: {described(error)}.") from error

    def __str__(self) -> str:
        return f"the query {_shortened(self.sql)}" if self.sql else f"the database {_name_of(self.connection)}"


def is_database(text: str) -> bool:
    """Whether a string is the URI of a database.

    >>> is_database("sqlite:///pets.db"), is_database("s3://bucket/pets.csv")
    (True, False)
    """
    return _DATABASES.match(text) is not None


def is_statement(text: str) -> bool:
    """Whether a string is a query.

    >>> is_statement("SELECT * FROM pets"), is_statement("selected.csv")
    (True, False)
    """
    return _STATEMENT.match(text) is not None


def _read(sql: str, connection: Any) -> pd.DataFrame:
    if isinstance(connection, str):
        return _from_uri(sql, connection)
    module = type(connection).__module__.split(".")[0]
    if "duckdb" in module:
        return _from_duckdb(sql, connection)
    if module == "sqlalchemy":
        return _from_sqlalchemy(sql, connection)
    if hasattr(connection, "cursor"):
        return _from_driver(sql, connection)
    raise DataError(
        f"A connection is one of SQLAlchemy, DuckDB or a driver of the Python database API, or the URI of a database; "
        f"got a {type(connection).__name__}."
    )


def _from_uri(sql: str, uri: str) -> pd.DataFrame:
    if uri.lower().startswith("duckdb:"):
        import duckdb

        path = re.sub(r"^duckdb:(///?)?", "", uri, flags=re.IGNORECASE) or ":memory:"
        with duckdb.connect(path, read_only=path != ":memory:") as connection:
            return _from_duckdb(sql, connection)
    import sqlalchemy

    _check_file(uri)
    engine = sqlalchemy.create_engine(uri)
    try:
        return _from_sqlalchemy(sql, engine)
    finally:
        engine.dispose()


def _check_file(uri: str) -> None:
    """SQLite would create a database that does not exist."""
    from pathlib import Path

    if uri.lower().startswith("sqlite:///"):
        path = Path(uri[len("sqlite:///") :].partition("?")[0])
        if not path.is_file():
            raise DataError(f"There is no file {str(path)!r}.")


def _from_duckdb(sql: str, connection: Any) -> pd.DataFrame:
    from medley.tables.reading.frames import from_memory

    tables = [row[0] for row in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()]
    return from_memory(connection.sql(_query(sql, tables)).arrow())


def _from_sqlalchemy(sql: str, connection: Any) -> pd.DataFrame:
    import pandas as pd
    import sqlalchemy

    tables = [] if is_statement(sql) else sqlalchemy.inspect(connection).get_table_names()
    return pd.read_sql_query(sqlalchemy.text(_query(sql, tables)), connection)


def _from_driver(sql: str, connection: Any) -> pd.DataFrame:
    import pandas as pd

    cursor = connection.cursor()
    try:
        cursor.execute(_query(sql, [sql]))
        if hasattr(cursor, "fetch_arrow_table"):
            from medley.tables.reading.frames import from_arrow

            return from_arrow(cursor.fetch_arrow_table())
        names = [column[0] for column in cursor.description or ()]
        return pd.DataFrame.from_records(cursor.fetchall(), columns=names)
    finally:
        cursor.close()


def _query(sql: str, tables: list[str]) -> str:
    """The query itself, or one that reads a whole table."""
    if is_statement(sql):
        return sql
    if not sql and len(tables) == 1:
        sql = tables[0]
    if not sql or sql not in tables:
        listed = ", ".join(map(repr, tables[:10])) or "no tables"
        start = f"There is no table {sql!r} in the database" if sql else "Name a table of the database, or pass a query"
        raise DataError(f"{start}; it has {listed}.")
    quoted = sql.replace('"', '""')
    return f'SELECT * FROM "{quoted}"'


def _shortened(sql: str) -> str:
    return repr(sql if len(sql) <= 80 else f"{sql[:77]}...")


def _name_of(connection: Any) -> str:
    return repr(re.sub(r"//[^/@]*@", "//***@", connection)) if isinstance(connection, str) else "of the connection"
