"""S3 Select's SQL: one SELECT from S3Object, with WHERE and LIMIT, and nothing else.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-select-sql-reference-select.html

Because a query is read into ``expressions`` and written anew for the engine, it can name only what
is here: no file, no table, no setting, no function of the engine's own.
"""

from gateway.select.errors import BadQuery
from gateway.select.expressions import Column, Expression, Path, Query, Step
from gateway.select.terms import Terms, whole

_UNSUPPORTED = frozenset({"GROUP", "ORDER", "HAVING", "UNION", "JOIN", "OFFSET", "DISTINCT"})


def parse(text: str) -> Query:
    """Raises ``BadQuery``."""
    reader = _Reader(text)
    return reader.query()


class _Reader(Terms):
    def query(self) -> Query:
        if not self.took("SELECT"):
            raise BadQuery("UnsupportedSqlStructure", "Only SELECT queries are supported.")
        # Columns may be told from the alias only once FROM has been read: where it is comes first.
        begin = self.at
        self.aliases = {"S3OBJECT"}
        self._skip_to_from()
        source = self._source()
        end, self.at = self.at, begin
        columns = self._columns()
        self.need("FROM", "ParseSelectMissingFrom")
        self.at = end
        where = self.expression() if self.took("WHERE") else None
        limit = self._limit() if self.took("LIMIT") else None
        if self.word.kind != "end":
            if self.word.key in _UNSUPPORTED or self.word.key == ",":
                raise BadQuery(
                    "UnsupportedSqlStructure", f"{self.word.text} is not supported here."
                )
            raise self.unexpected()
        return Query(columns, source, where, limit)

    def _skip_to_from(self) -> None:
        depth = 0
        while self.word.kind != "end":
            depth += {"(": 1, ")": -1}.get(self.word.key, 0)
            if self.word.key == "FROM" and depth == 0:
                self.at += 1
                return
            self.at += 1
        raise BadQuery("ParseSelectMissingFrom", "The SQL expression has no FROM clause.")

    def _source(self) -> tuple[Step, ...]:
        if self.word.text.upper() != "S3OBJECT":
            raise BadQuery("InvalidTableAlias", "The FROM clause must begin with S3Object.")
        self.at += 1
        steps = self.steps(stars=True)
        self.took("AS")
        if self.word.kind in ("name", "quoted") and self.word.key not in ("WHERE", "LIMIT"):
            if self.word.key in _UNSUPPORTED:
                raise BadQuery(
                    "UnsupportedSqlStructure", f"{self.word.text} is not supported here."
                )
            self.aliases = {"S3OBJECT", self.word.text.upper()}
            self.at += 1
        return steps

    def _columns(self) -> tuple[Column, ...]:
        if self.took("*"):
            return ()
        if self.word.text.upper() in self.aliases and self.ahead(1, ".") and self.ahead(2, "*"):
            self.at += 3
            return ()
        found = [self._column()]
        while self.took(","):
            found.append(self._column())
        return tuple(found)

    def _column(self) -> Column:
        value = self.expression()
        named = self.took("AS")
        if named or (self.word.kind in ("name", "quoted") and self.word.key != "FROM"):
            if self.word.kind not in ("name", "quoted"):
                raise self.unexpected()
            self.at += 1
            return Column(value, self.words[self.at - 1].text)
        return Column(value, _last_name(value))

    def _limit(self) -> int:
        if self.word.kind != "number" or not self.word.text.isdecimal():
            raise BadQuery("ParseExpectedNumber", "LIMIT takes a whole number.")
        self.at += 1
        return whole(self.words[self.at - 1].text)


def _last_name(value: Expression) -> str:
    if isinstance(value, Path) and value.steps and isinstance(value.steps[-1], str):
        return value.steps[-1]
    return ""
