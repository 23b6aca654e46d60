"""Redaction: a secret in any field and any spelling leaves in no field, and a text without a secret stays readable."""

from __future__ import annotations

import json
import re
import string
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy
import pytest
from hypothesis import assume, given, strategies as st

import opentracing
from opentracing_zipkin import Endpoint, FinishedSpan, ZipkinTracer, configure
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.handlers import redact
from opentracing_zipkin.handlers.looks import LOOKS as OUR_LOOKS, is_card_number
from opentracing_zipkin.testing import FakeSender

REDACTION = redact()

# Each has a part `9x`, by which it is found if only a piece of it leaves.
SECRETS = (
    "hunter9x",
    "9x9x",
    "ünï9x",
    "p:w9x",
    "p+w9x",
    "p,w9x",
    "p%w9x",
    "a9x==",
    "{p9x}",
    "[p9x",
    "$p9x",
    "p9x***",
    "p\\w9x",
    "-p9x",
)
IN_TEXT = ("p@s9x", "p/w9x", "p w9x", "p#w?9x", "p<w9x")
IN_URL = (*IN_TEXT, "p;w9x", "p&w9x", 'p"w9x', "p'w9x", "''p9x", "12/34x9x", "p\nw9x")
EVERY = (*SECRETS, *IN_URL)

CARRIERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "pair": ("password={}", (*EVERY,)),
    "field of a log record": ("login user=bob api_key={} path=/", (*SECRETS, *IN_TEXT, "p;w9x", "p&w9x")),
    "DSN": ("postgresql://u:{}@h:5432/db", EVERY),
    "DSN in a text": ("cannot reach amqp://u:{}@h/vh, giving up", EVERY),
    "DSN without a user": ("redis://:{}@h:6379/0", EVERY),
    "DSN with several hosts": ("mongodb://u:{}@a:1,b:2/db", EVERY),
    "two DSNs": ("amqp://u:{0}@a,amqp://u:{0}@b", (*SECRETS, *IN_TEXT)),
    "DSN of SQLAlchemy": ("mysql+pymysql://u:{}@h/db?charset=utf8", EVERY),
    "JDBC": ("jdbc:mysql://h/db?user=a&password={}&useSSL=true", (*SECRETS, *IN_TEXT)),
    "JDBC of SQL Server": ("jdbc:sqlserver://h:1433;databaseName=x;password={};encrypt=true", (*SECRETS, *IN_TEXT)),
    "JDBC of Oracle": ("jdbc:oracle:thin:scott/{}@//h:1521/service", SECRETS),
    "libpq": ("host=h password={} dbname=d", (*SECRETS, *IN_TEXT)),
    "libpq, spaced": ("host = h password = {} dbname = d", (*SECRETS, *IN_TEXT)),
    "libpq, quoted": ("host=h password='{}' dbname=d", (*SECRETS, *IN_TEXT)),
    "ADO": ("Server=h;User Id=a;Password={};Database=x", (*SECRETS, *IN_TEXT)),
    "URL": ("https://u:{}@h:80/p?q=1", EVERY),
    "URL in capitals": ("HTTPS://U:{}@H/", EVERY),
    "URL with a slip": ("https:/u:{}@h/", EVERY),
    "URL without a scheme": ("//u:{}@h/p", EVERY),
    "URL with IPv6": ("http://u:{}@[2001:db8::1]:9411/", EVERY),
    "URL with a token for a user": ("https://{}@h/", SECRETS[:7]),
    "URL that was cut": ("https://u:{}", ("hunter9x", "p:w9x", "p/w9x", "''p9x")),
    "second URL": ("http://a/ and https://u:{}@h/", EVERY),
    "no URL": ("user:{}@host:3128", (*SECRETS[:-1], "p@s9x", "p/w9x", "p#w?9x")),
    "query": ("https://h/p?a=1&access_token={}&b=2", (*SECRETS, "p@s9x", "p/w9x", "p#w?9x", "p<w9x", "p;w9x", "p&w9x")),
    "target": ("/p?token={}", (*SECRETS, "p@s9x", "p/w9x", "p#w?9x", "p<w9x", "p;w9x", "p&w9x")),
    "query with semicolons": ("/p?a=1;password={};b=2", (*SECRETS, *IN_TEXT)),
    "query, key encoded": ("/p?p%61ssword={}&b=2", ("hunter9x", "p@s9x")),
    "query, key encoded twice": ("/p?p%2561ssword={}&b=2", ("hunter9x",)),
    "query, in brackets": ("/p?user[password]={}&b=2", ("hunter9x",)),
    "fragment": ("https://h/p#id_token={}&b=2", (*SECRETS, "p@s9x")),
    "path parameter": ("/shop;jsessionid={}?a=1", ("hunter9x",)),
    "JSON": ('{{"a": 1, "password": "{}", "b": 2}}', [one for one in EVERY if '"' not in one and "\\" not in one]),
    "JSON, number": ('{{"a": 1, "pin": {}, "b": 2}}', ("129",)),
    "JSON in JSON": ('{{\\"password\\": \\"{}\\", \\"b\\": 2}}', [one for one in EVERY if '"' not in one and "\\" not in one]),
    "JSON, deeper": ('{{"password": {{"value": "{}"}}}}', ("hunter9x",)),
    "repr": ("{{'a': 1, 'password': '{}', 'b': 2}}", [one for one in EVERY if "'" not in one and "\\" not in one]),
    "repr of bytes": ("{{'password': b'{}'}}", ("hunter9x", "p w9x")),
    "pairs of headers": ("[(b'authorization', b'{}'), (b'host', b'h')]", ("hunter9x", "p w9x")),
    "header": ("X-Api-Key: {}\nHost: h", (*SECRETS, *IN_TEXT)),
    "authorization": ("Authorization: Bearer {}", (*SECRETS, *IN_TEXT)),
    "bearer": ("refused: Bearer {} has expired", ("hunter9x", "a9x==", "p+w9x", "p/w9x")),
    "cookie": ("Cookie: theme=dark; other={}; z=1", (*SECRETS, *IN_TEXT)),
    "command": ("mysql --password {} --host h", (*SECRETS, *IN_TEXT)),
    "command, with =": ("mysql --password={} --host h", (*SECRETS, *IN_TEXT)),
    "settings, aligned": (
        "user                 = a\npassword             = {}\nhost                 = h",
        (*SECRETS, *IN_TEXT),
    ),
    "YAML, aligned": ("password:            {}\nhost:                h", (*SECRETS, *IN_TEXT)),
    "command of curl": ("curl -u bob:{} https://h/", ("hunter9x", "p:w9x", "p/w9x")),
    "XML": ("<login><password>{}</password></login>", SECRETS),
    "XML, namespace": ("<w:password>{}</w:password>", SECRETS),
    "XML, attributes": ('<password type="a">{}</password>', SECRETS),
    "XML, CDATA": ("<password><![CDATA[{}]]></password>", SECRETS),
    "XML, child": ("<password><value>{}</value></password>", SECRETS),
    "XML, CDATA, cut": ("<password><![CDATA[{}]]></passwo", SECRETS),
    "XML, child, cut": ("<password><value>{}</value><", SECRETS),
    "XML, never closed": ('<password\n a="1"\n>{}', SECRETS),
    "XML, named by an attribute": ('<property name="password">{}</property>', SECRETS),
    "XML, both in attributes": ('<add key="password" value="{}"/>', SECRETS[:7]),
    "HTML, escaped": ("&lt;password&gt;{}&lt;/password&gt;", ("hunter9x",)),
    "HTML, quotes escaped": ("{{&quot;password&quot;:&quot;{}&quot;}}", ("hunter9x",)),
    "HTML, mark escaped": ("password&#61;{}", ("hunter9x",)),
    "query in HTML": ("/p?a=1&amp;token={}&amp;b=2", ("hunter9x", "p+w9x")),
    "query, list": ("/p?token[]={}&b=2", ("hunter9x",)),
    "query, list of lists": ("/p?user[token][x]={}&b=2", ("hunter9x",)),
    "query, a key of a service": ("/p?a=1&key=abcdefghijkl{}", ("hunter9x",)),
    "query, code of OAuth": ("/cb?code={}&state=1", ("hunter9x",)),
    "query, code of OAuth last": ("/cb?state=1&code={}", ("hunter9x",)),
    "query, code of OAuth, far away": ("/cb?state=1&iss=h&code={}&a=2", ("hunter9x",)),
    "form, code of OAuth": ("code={}&redirect_uri=https://h/cb&grant_type=authorization_code", ("hunter9x",)),
    "fragment, code of OAuth": ("https://h/cb#code={}&id=2&state=1", ("hunter9x",)),
    "query in HTML, code of OAuth": ("/cb?code={}&amp;a=2&amp;state=1", ("hunter9x",)),
    "query with semicolons, code of OAuth": ("/cb?CODE={};a=2;STATE=1", ("hunter9x", "p;w9x")),
    "code of OAuth after another secret": ("/cb?code={}&client_secret=a&state=1", ("hunter9x",)),
    "JSON, code of OAuth": ('{{"code": "{}", "grant_type": "authorization_code"}}', ("hunter9x", "p/w9x", "p w9x")),
    "JSON in JSON, code of OAuth": ('{{\\"client_id\\": 7, \\"code\\": \\"{}\\"}}', ("hunter9x",)),
    "repr, code of OAuth": ("{{'state': 'a', 'code': '{}'}}", ("0123456789abcde9x",)),
    "query, signed by AWS": ("https://b/k?X-Amz-Credential={0}%2F1&X-Amz-Signature={0}&a=1", ("hunter9x",)),
    "query, signed by Azure": ("https://a/b?sv=2020&sig={}&se=1", ("hunter9x",)),
    "form in parts": ('form-data; name="password"\r\n\r\n{}\r\n--b', (*SECRETS, *IN_TEXT)),
    "JSON, name and value": (
        '{{"name": "DB_PASSWORD", "value": "{}"}}',
        [one for one in EVERY if '"' not in one and "\\" not in one],
    ),
    "JSON, name escaped": ('{{"p\\u0061ssword":"{}"}}', ("hunter9x",)),
    "YAML, block": ("password: |\n  {}\n", (*SECRETS, *IN_TEXT)),
    "Markdown": ("**password**: {}", ("hunter9x", "p w9x")),
    "far away": (f"password{' ' * 200}={{}}", ("hunter9x",)),
    "name and mark of full width": ("\uff50assword\uff1d{}", ("hunter9x",)),
    "typographic quotes": ("\u201cpassword\u201d: \u201c{}\u201d", ("hunter9x",)),
    "letters that look alike": ("p\u0430ssword={}", ("hunter9x",)),
    "a character nobody sees": ("pass\u200bword={}", ("hunter9x",)),
    "an accent": ("token\u0301={}", ("hunter9x",)),
    "NUL": ("password\0={}", ("hunter9x",)),
    "colours of a terminal": ("\x1b[1mpassword\x1b[0m={}", ("hunter9x",)),
    "header in two lines": ("Authorization: Bearer\r\n {}\r\nHost: h", (*SECRETS, *IN_TEXT)),
    "digest": ('Digest username="bob", response="{}"', ("hunter9x", "p w9x")),
    "command of curl, joined": ("curl -ubob:{} https://h/", ("hunter9x", "p:w9x")),
    "command of mysql": ("mysql -h h -u bob -p{} db", ("hunter9x", "p:w9x")),
    "error": ("ConnectionError: cannot reach postgresql://u:{}@h/db", EVERY),
}
ENCODED: dict[str, Callable[[str], str]] = {
    "encoded": lambda text: quote(text, ""),
    "encoded twice": lambda text: quote(quote(text, ""), ""),
    "encoded six times": lambda text: quote(quote(quote(quote(quote(quote(text, ""), ""), ""), ""), ""), ""),
    "parameter of a URL": lambda text: f"https://h/go?next={quote(text, '')}&a=1",
    "every character encoded": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
}
# Secrets that are known by their form, wherever they stand.
LOOKS = {
    "card": "4111111111111111",
    "card with blanks": "4111 1111 1111 1111",
    "card with dashes": "3782-822463-10005",
    "card with dots": "4111.1111.1111.1111",
    "card with slashes": "4111/1111/1111/1111",
    "card with wide blanks": "4111\xa01111\xa01111\xa01111",
    "Negotiate": "Negotiate YIIBhgYGKwYBBQUCoIIBejCCAXY=",
    "bearer with a plus": "Bearer+0123456789abcdef9x",
    "npm": "npm_0123456789abcdefghijABCDEFGHIJ012345",
    "PyPI": "pypi-AgEIcHlwaS5vcmcCJDAxMjM0NTY3",
    "SendGrid": "SG.0123456789abcdefghij.0123456789abcdefghij",
    "Telegram": "bot123456789:AA0123456789abcdefghijABCDEFGHIJ01",
    "Stripe, of a webhook": "whsec_0123456789abcdef",
    "Slack, of an app": "xapp-1-A0123456789-abcdef",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5eCJ9.c2lnbmF0dXJlOXg",
    "basic": "Basic dXNlcjpodW50ZXI5eA==",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Google": "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "GitHub": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "GitLab": "glpat-0123456789abcdefghij",
    "Slack": "xoxb-123456789012-abcdefghij",
    "Stripe": "sk_live_0123456789abcdef",
    "sk": "sk-proj-0123456789abcdefghij",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA9x\n-----END RSA PRIVATE KEY-----",
    "private key that was cut": "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA9x",
    "SQL": "ALTER USER bob IDENTIFIED BY 'hunter 9x'",
}
# name -> texts with the secret that is in each
PLANTED: dict[str, list[tuple[str, str]]] = {
    **{name: [(template.format(secret), secret) for secret in secrets] for name, (template, secrets) in CARRIERS.items()},
    **{
        how: [
            (encode(template.format("hunter9x")), "hunter9x")
            for template, secrets in CARRIERS.values()
            if "hunter9x" in secrets
        ]
        for how, encode in ENCODED.items()
    },
    **{name: [(each, text.split()[-1]) for each in (text, f"it was ({text}), they said")] for name, text in LOOKS.items()},
}
# The authorization code of OAuth: each company, each order, each kind of text.
COMPANY = (
    "state=xyz",
    "grant_type=authorization_code",
    "session_state=1",
    "client_id=shop",
    "redirect_uri=https%3A%2F%2Fh%2Fcb",
    "code_verifier=abc",
)
ORDERS = {
    "at once": "code={} {company}",
    "at once, last": "{company} code={}",
    "far": "code={} scope=a foo=1 {company} x=2",
    "far, last": "{company} iss=h scope=a code={} x=2",
}
KINDS: dict[str, Callable[[str], str]] = {
    "query": lambda text: f"https://h/cb?{text.replace(' ', '&')}",
    "fragment": lambda text: f"https://h/cb#{text.replace(' ', '&')}",
    "form": lambda text: text.replace(" ", "&"),
    "HTML": lambda text: f'<a href="/cb?{text.replace(" ", "&amp;")}">',
    "semicolons": lambda text: f"/cb?{text.replace(' ', ';')}",
    "capitals": lambda text: f"GET /CB?{text.replace(' ', '&').upper()} HTTP/1.1",
    "sentence": lambda text: f"came back to (https://h/cb?{text.replace(' ', '&')}), with 302",
    "JSON": lambda text: json.dumps(dict(pair.split("=") for pair in text.split())),
    "JSON, small": lambda text: json.dumps(dict(pair.split("=") for pair in text.split()), separators=(",", ":")),
    "JSON in JSON": lambda text: json.dumps(json.dumps(dict(pair.split("=") for pair in text.split()))),
    "repr": lambda text: repr(dict(pair.split("=") for pair in text.split())),
}
READABLE = [
    "GET /users/123",
    "200",
    "https://h:8080/a/b?page=2&sort=asc#top",
    "http://localhost:8080/@scope/package",
    "http://[::1]:9411/api/v2/spans",
    "kafka://a:9092,b:9092/zipkin",
    "jdbc:oracle:thin:@h:1521:orcl",
    "git@github.com:owner/name",
    "bob@example.com",
    "mail to bob@example.com at 12:30",
    "/search?q=a%20b%2Fc",
    "100 % of 50%",
    "ValueError: no such item: 12",
    "InvalidTokenError: Signature has expired",
    "KeyError: 'name'",
    "2026-11-27T01:02:03.000004+00:00",
    "1790000000000000",
    "4111111111111112",
    "463ac35c9f6413ad48485a3953bb6124",
    "550e8400-e29b-41d4-a716-446655440000",
    "bearer token is missing",
    "basic authentication is off",
    "max_tokens=512 total_tokens=7 token_count=5 tokens_used=9",
    "field 'token'\n\nis missing",
    "/find?postcode=1010&state=vienna&error_code=5",
    "code=200 state=done",
    '{"code": "NOT_FOUND", "state": "failed"}',
    '{"code": 404, "client_id": 7}',
    "/find?key=name&code=200&q=caf\u00e9",
    "a&copy=1&b=2 &amp; &lt;b&gt;",
    "4000.1234.5678.9012",
    '{"items": [1, 2], "user": {"name": "bob"}}',
    "C:\\Users\\bob",
    "a -> b, c => d",
    "bypass=true, spin=1, inside=2, compass: north",
    "passed 3, monkey=1, author=bob, keyboard=1",
    "",
    "***",
]


def span_with(text: str) -> FinishedSpan:
    """A span with the text in every field of text, and in keys of tags."""
    return FinishedSpan(
        "a" * 16,
        "b" * 16,
        name=text,
        local=Endpoint(text),
        remote=Endpoint(text, "10.0.0.1", "", 80),
        tags={"http.url": text, "error": text, "db.connection_string": text, "url.full": text, text: "x"},
        annotations=[(1, text), (2, f"sent {text}")],
    )


def leaves(text: str, secret: str) -> bool:
    """Whether the secret, or its piece `9x`, is in the text or in the decoded text."""
    looked_for = "9x" if "9x" in secret else secret
    return any(looked_for in form for form in (text, text.encode().decode("unicode_escape")))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("company", COMPANY)
@pytest.mark.parametrize("kind", KINDS)
def test_a_code_of_oauth_is_masked_in_any_company_and_order(kind: str, company: str, order: str) -> None:
    """An authorization code is masked wherever OAuth's other parameters are in the same query, form or JSON."""
    code = "SplxlOBeZQQYbYS6WxSbIA"
    text = KINDS[kind](ORDERS[order].format(code, company=company))
    redacted = REDACTION.text(text)

    assert code.lower() in text.lower()
    assert code.lower() not in redacted.lower()
    assert "***" in redacted
    assert redacted == REDACTION.text(redacted)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_secret_leaves_in_no_field(name: str) -> None:
    """A planted secret leaves in no field, in any spelling, and a second redaction changes nothing."""
    for text, secret in PLANTED[name]:
        sent = json_v2.encode(REDACTION(span_with(text))).decode()

        assert False is leaves(sent, secret), text
        assert "***" in sent
        for each in (text, text.lower()):
            redacted = REDACTION.text(each)
            assert redacted == REDACTION.text(redacted)


KEYS = (
    "password",
    "PASSWORD",
    "DB.Password",
    "user_passwd",
    "x-api-key",
    "apiKey",
    "Authorization",
    "sessionid",
    "csrf_token",
    "pin",
    "user.pin",
    "dbPwd",
    "otpCode",
    "x-mfa-code",
    "socialSecurityNumber",
    "Ocp-Apim-Subscription-Key",
    "x-functions-key",
    "encryptionKey",
    "p\uff41ssword",
)
QUERY_SAFE = "".join(set(string.printable) - set(" \t\n\r\x0b\x0c&;\"'=%*"))


@given(st.sampled_from(KEYS), st.text(min_size=1), st.text(string.ascii_letters + " /.", max_size=20))
def test_the_value_of_a_secret_tag_never_leaves(key: str, secret: str, other: str) -> None:
    """The value of a secret tag is masked, whatever it is."""
    span = REDACTION(FinishedSpan("a" * 16, "b" * 16, tags={"other": other, key: secret}))

    assert {"other": other, key: "***"} == span.tags


@given(
    st.sampled_from(KEYS),
    st.text(QUERY_SAFE, min_size=4).filter(lambda text: "--" not in text),
    st.text(string.ascii_letters + string.digits + " /.,@:", max_size=30),
    st.sampled_from(
        ["https://h/p?a=1&{}={}&b=2", "/p?{}={}", "{}={} b=2", '{{"a": 1, "{}": "{}", "b": 2}}', "a=1; {}={}; b=2"]
    ),
)
def test_a_secret_behind_its_name_never_leaves(key: str, secret: str, before: str, template: str) -> None:
    """A secret after its name is masked in a query, in a log record's fields, in JSON, and after any text."""
    if '"' in template:
        secret = json.dumps(secret)[1:-1]
    assume(secret not in f"{before} {template.format(key, '')}")
    redacted = REDACTION.text(f"{before} {template.format(key, secret)}")

    assert secret not in redacted
    assert "***" in redacted


WORDS = (
    "=", ":", "/", "//", "@", "'", '"', "\\", "&", "?", ";", ",", "{", "}", "[", "<", ">", "%", "%25", "%3D", "a", "password", "http", "x@y",
    "http://", "http://x@y", "***", "--", "eyJ", "Bearer", "4111", "tokens: 7", "Error:", "TokenError: ", '\\"', "=>", " host=h ", "\t", "\n",
)  # fmt: skip
AMONG = (
    "api_key={}", "postgresql://u:{}@h/db", "https://u:{}@h:80/p", "/p?token={}", '{{"password": "{}"}}', "X-Api-Key: {}", "Bearer {}",
    "--password {}", "<password>{}</password>", "u:{}@host", "p%61ssword={}", "next=https%3A%2F%2Fu%3A{}%40h", "secret%3D{}",
)  # fmt: skip


@given(st.sampled_from(AMONG), st.lists(st.sampled_from(WORDS), max_size=6), st.lists(st.sampled_from(WORDS), max_size=4))
def test_a_secret_among_other_words_never_leaves(template: str, before: list[str], after: list[str]) -> None:
    """A secret among other words is masked, whatever marks and beginnings of secrets are around it."""
    redacted = REDACTION.text(f"{''.join(before)} {template.format('q7z9XKw2')} {''.join(after)}")

    assert "q7z9XKw2" not in redacted
    assert redacted == REDACTION.text(redacted)


@given(
    st.sampled_from(["http", "HTTPS", "postgresql", "amqp", "mysql+pymysql", "jdbc:postgresql"]),
    st.text(string.ascii_letters + string.digits, min_size=1, max_size=8),
    st.text(string.ascii_letters, min_size=1).flatmap(
        lambda first: st.text(string.printable, min_size=6, max_size=20).map(lambda rest: first + rest)
    ),
)
def test_a_password_in_a_url_never_leaves(scheme: str, user: str, password: str) -> None:
    """A password in a URL is masked, whatever characters it has, also those that should be escaped."""
    redacted = REDACTION.text(f"{scheme}://{user}:{password}@h/p")

    assert password not in redacted
    assert redacted == REDACTION.text(redacted)


@given(st.text(st.sampled_from("ab9*'\"\\/:@?&;=%#{}[]<>-., \n"), max_size=60))
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    """A second redaction changes nothing, whatever marks a text is made of."""
    for text_ in (text, f"password={text}", f"http://{text}", f'{{"token": {text}}}'):
        redacted = REDACTION.text(text_)

        assert redacted == REDACTION.text(redacted)


@pytest.mark.parametrize("text", READABLE)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    """Names, paths, queries, times, ids and messages without a secret stay as they are."""
    span = REDACTION(FinishedSpan("a" * 16, "b" * 16, name=text, tags={"t": text}, annotations=[(1, text)]))

    assert (text, {"t": text}, [(1, text)]) == (span.name, span.tags, span.annotations)


SQL = {
    "SELECT * FROM users WHERE token = %s AND password = ?": "SELECT * FROM users WHERE token = %s AND password = ?",
    "SELECT token, password FROM users WHERE pin = :pin": "SELECT token, password FROM users WHERE pin = :pin",
    "UPDATE users SET password = 'hunter2' WHERE id = 1": "UPDATE users SET password = '***' WHERE id = 1",
}


@pytest.mark.parametrize("key", ["db.statement", "db.query.text", "DB.Statement"])
@pytest.mark.parametrize("statement", SQL)
def test_sql_with_placeholders_stays_as_it_is(statement: str, key: str) -> None:
    """SQL with placeholders stays, and a quoted text for a column of secrets is masked."""

    assert {key: SQL[statement]} == REDACTION(FinishedSpan("a" * 16, "b" * 16, tags={key: statement})).tags


def test_a_number_of_tokens_is_no_secret() -> None:
    """A whole number under a name that ends with `tokens` stays, and any other value of it is masked."""
    tags = {"gen_ai.usage.input_tokens": "512", "refresh_tokens": "a,b", "token": "512"}

    assert {"gen_ai.usage.input_tokens": "512", "refresh_tokens": "***", "token": "***"} == REDACTION(
        FinishedSpan("a" * 16, "b" * 16, tags=tags)
    ).tags


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [
        ("customer", "Customer", True),
        ("customer", "customer_name", False),
        ("x-customer", "X_CUSTOMER", True),
        ("x-customer", "xCustomer", True),
        ("customer", "order.customer", True),
        ("customer", "orderCustomer", True),
        ("customer", "ordercustomer", False),
        ("customer", "customers", False),
        ("customer", "a&customer", True),
        ("*iban*", "debitorIban2", True),
        ("acme.*", "acme.any", True),
        ("acme.*", "my.acme.any", False),
        ("*_id", "customer.id", True),
        ("a*b*c", "a-xb-xc", True),
        ("a*b*c", "acb", False),
        ("customer", "c%75stomer", True),
    ],
)
def test_further_keys_are_names_and_patterns(key: str, name: str, expected: bool) -> None:
    """Further keys match in any case and punctuation, and the default keys stay."""
    handler = redact(keys=[key], defaults=False)
    span = handler(FinishedSpan("a" * 16, "b" * 16, tags={name: "v"}))

    assert {name: "***" if expected else "v"} == span.tags
    assert {"password": "***"} == redact(keys=[key])(FinishedSpan("a" * 16, "b" * 16, tags={"password": "v"})).tags


def test_further_patterns_are_expressions_or_names_of_ours() -> None:
    """A further pattern is an expression or the name of one of ours, and its group `kept` stays."""
    handler = redact(patterns=["email", r"(?P<kept>order )\d+", re.compile("BLUE", re.I)])

    assert "*** has order *** of ***" == handler.text("bob@example.com has order 12 of blue")


def _misspelt() -> list[tuple[str, str]]:
    """Each name of ours of several letters, misspelt in the usual ways."""
    names = [name for name in OUR_LOOKS if len(name) > 2]
    return [
        (wrong, name)
        for name in names
        for wrong in (f"{name[:-2]}{name[-1]}{name[-2]}", name[:-1], f"{name}s", name.upper(), name.capitalize(), f"{name} ")
        if wrong not in OUR_LOOKS
    ]


@pytest.mark.parametrize(("wrong", "name"), _misspelt())
def test_a_misspelt_name_of_ours_is_refused(wrong: str, name: str) -> None:
    """A word that is nearly the name of one of our patterns is no expression: the error tells the name, or all names."""
    with pytest.raises(ValueError, match=f"patterns has '{wrong}', which is none of our own patterns") as caught:
        redact(patterns=[wrong])

    assert f"did you mean '{name}'?" in str(caught.value) or f" {name}," in str(caught.value)


@pytest.mark.parametrize("word", ["acme", "internal_use", "top-secret", "red green"])
def test_a_plain_word_is_refused_with_the_remedy(word: str) -> None:
    """A plain word is no pattern, but `re.compile` makes it one."""
    with pytest.raises(ValueError, match=rf"for this word itself as a regular expression, give re.compile\('{word}'\)"):
        redact(patterns=[word])

    assert "the *** plan" == redact(patterns=[re.compile(word)]).text(f"the {word} plan")


@pytest.mark.parametrize("pattern", ["acme-[0-9]+", "blue|red", "x2", r"\bacme\b", "a.c"])
def test_an_expression_is_taken(pattern: str) -> None:
    """A text with a digit or a sign of regular expressions is an expression."""
    redact(patterns=[pattern])


@pytest.mark.parametrize("pattern", ["", "x*", r"\b", "^", "$", "(?=a)", "(?P<kept>a*)"])
def test_a_pattern_that_fits_nothing_masks_nothing(pattern: str) -> None:
    """A pattern that matches the empty text masks nothing there."""
    handler = redact(patterns=[pattern])

    assert "a and b" == handler.text("a and b")


def test_a_whole_query_can_be_masked() -> None:
    """`whole_query` masks each value, also one without a name, and the names stay."""
    handler = redact(whole_query=True)
    span = FinishedSpan("a" * 16, "b" * 16, tags={"http.url": "https://h/p?q=me&x#top", "url.query": "q=me&y=2", "q": "why?"})

    assert {"http.url": "https://h/p?q=***&***#top", "url.query": "q=***&y=***", "q": "why?"} == handler(span).tags


@pytest.mark.parametrize("mask", ["[redacted]", "<hidden>", "{x}", "xxx"])
@pytest.mark.parametrize("name", CARRIERS)
def test_the_mask_can_be_another(mask: str, name: str) -> None:
    """Another mask can be given, and a second redaction changes nothing."""
    handler = redact(mask=mask)
    template, secrets = CARRIERS[name]
    redacted = handler.text(template.format(secrets[0]))

    assert mask in redacted
    assert redacted == handler.text(redacted)


def test_what_is_too_long_to_be_looked_at_is_masked_as_a_whole() -> None:
    """A text of more than 16,384 characters is masked as a whole by default."""

    assert "a " * 8192 == REDACTION.text("a " * 8192)
    assert "*** (16385 characters, too long to be looked at)" == REDACTION.text("a" * 16385)
    assert "*** (11 characters, too long to be looked at)" == redact(max_length=10).text("a" * 11)


UNITS = [
    "a", "a ", "=", "a=", "password=", 'password="', "'", '"', "\\", '\\"', "@", "a@", "a:", "a:b@", ":/", "//", "http://", "http://a:b", "4", "4 ",
    "4111 ", "eyJ", "bearer ", "-----BEGIN PRIVATE KEY", "%", "%25", "%61", " ", "\n", "<password>", "--a ", "--password ", "?", "&a", ";a",
    "'a',", "a.b", "-", "password: ", "identified by '", "asia", "(a", "token\\", "[", "basic a", "xoxb-", "a@b.", "a\t", "x:@", "jdbc:oracle:x:",
    "code=", "code=a&", "state=", ";code=a;state=a", '"code":"', '"code":"a","state":"a",', '\\"code\\":\\"', "code=a&state=a ", "state=&;a",
]  # fmt: skip


def test_no_text_takes_long() -> None:
    """The slowest text of the greatest length takes 50 ms of CPU (Python 3.11); quadratic time would be seconds."""
    every = redact(patterns=["email"], whole_query=True)

    def took(unit: str) -> float:
        begin = time.thread_time()
        every.text((unit * 16_384)[:16_384])
        return time.thread_time() - begin

    slow = {unit for unit in UNITS if took(unit) > 0.15}

    assert set() == {unit for unit in slow if min(took(unit) for _ in range(5)) > 0.15}


def test_texts_without_end_cost_no_memory() -> None:
    """Only a few thousand short texts and names are remembered."""
    handler = redact()
    for number in range(10_000):
        handler(FinishedSpan("a" * 16, "b" * 16, name=f"n{number}", tags={f"k{number}": f"v{number}"}))

    assert len(handler._clean) <= 4096
    assert len(handler._keys._known) <= 4096


class Unshown:
    def __str__(self) -> str:
        return "password=hunter9x"


ODD: dict[str, tuple[str, Any]] = {
    "tags as pairs": ("tags", [("password", "hunter9x"), ("k", "token=hunter9x")]),
    "tag of another type": ("tags", {"k": {"password": "hunter9x"}, "o": Unshown(), b"password": "hunter9x", "token": 99}),
    "tag of numpy's": ("tags", {"k": numpy.array(["password=hunter9x"] * 2), "password": numpy.array([1, 2])}),
    "card as a number": ("tags", {"k": 4111111111111111}),
    "no tags": ("tags", None),
    "annotations as lists": ("annotations", [[1, "password=hunter9x"], "text", (1, Unshown())]),
    "annotations as a dict": ("annotations", {1: "password=hunter9x"}),
    "no annotations": ("annotations", None),
    "remote as a text": ("remote", "u:hunter9x@h"),
    "remote as a tuple": ("remote", ("u:hunter9x@h", "10.0.0.1")),
    "remote as a dict": ("remote", {"service_name": "u:hunter9x@h"}),
    "name of another type": ("name", Unshown()),
    "no name": ("name", None),
}


@pytest.mark.parametrize("name", ODD)
def test_what_another_handler_has_left_is_redacted_as_well(name: str) -> None:
    """Values of any type that another handler has left are redacted, by the handler and by the setting."""
    field, value = ODD[name]
    span = FinishedSpan("a" * 16, "b" * 16)
    setattr(span, field, value)
    sender = FakeSender()

    def plant(span: FinishedSpan) -> FinishedSpan:
        setattr(span, field, value)
        return span

    tracer = ZipkinTracer("service", sender=sender, handlers=[plant], redact=True)
    tracer.start_span("a").finish()
    tracer.close().result(5)
    sent = b"".join(sender.bodies).decode()

    assert 1 == tracer.stats.sent
    for text in (sent, repr(REDACTION(span))):
        assert "hunter9x" not in text
        assert "411111" not in text


# The setting


def test_the_setting_comes_after_all_handlers() -> None:
    """The setting `redact` comes after all handlers, so a secret that a handler adds is masked, too."""
    sender = FakeSender()

    def plant(span: FinishedSpan) -> FinishedSpan:
        span.tags["password"] = "hunter9x"
        span.remote = Endpoint("postgresql://u:hunter9x@h")
        return span

    tracer = ZipkinTracer("service", sender=sender, handlers=[plant], redact=True)
    tracer.start_span("log", tags={"http.url": "/?token=hunter9x"}).log_kv({"event": "in", "secret": "hunter 9x"}).finish()
    tracer.close().result(5)
    [span] = json.loads(sender.bodies[0])

    assert {"password": "***", "http.url": "/?token=***"} == span["tags"]
    assert "in secret=***" == span["annotations"][0]["value"]
    assert "postgresql://***@h" == span["remoteEndpoint"]["serviceName"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", {"password": "***", "iban2": "DE"}),
        ("*iban*, x-customer", {"password": "***", "iban2": "***"}),
        ("false", {"password": "v", "iban2": "DE"}),
    ],
)
def test_the_environment_switches_it_on(monkeypatch: pytest.MonkeyPatch, text: str, expected: dict[str, str]) -> None:
    """A variable switches redaction on without a change of code, and its names are added to the default keys."""
    monkeypatch.setenv("ZIPKIN_REDACT", text)
    sender = FakeSender()
    tracer = configure("service", sender=sender, handle_sigterm=False)
    try:
        tracer.start_span("a", tags={"password": "v", "iban2": "DE"}).finish()
        tracer.close().result(5)
    finally:
        opentracing._reset_global_tracer()

    assert expected == json.loads(sender.bodies[0])[0]["tags"]


@pytest.mark.parametrize("text", ["*", "iban,*", "**"])
def test_a_name_that_would_mask_everything_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """`ZIPKIN_REDACT=*` is refused with its reason, and the variable is named."""
    monkeypatch.setenv("ZIPKIN_REDACT", text)
    with pytest.raises(ValueError, match=r"^environment variable ZIPKIN_REDACT .* would mask the value of every tag; use True"):
        configure("service")


@pytest.mark.parametrize("value", ["password", ["*"], [1], 5, ["-"], [""], {"iban": 1}])
def test_a_wrong_setting_says_how(value: Any) -> None:
    """A wrong setting raises with the remedy, also a pattern that would mask everything."""
    with pytest.raises(ValueError, match=r"^redact is .*; use True, False or a list of names"):
        ZipkinTracer("service", redact=value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": "password"}, r"keys is 'password'; use a list of names"),
        ({"keys": [1]}, "keys is "),
        ({"keys": None}, "keys is None; use a list of names"),
        ({"patterns": None}, "patterns is None; use a list"),
        ({"patterns": "email"}, r"patterns is 'email'; use a list"),
        ({"patterns": ["("]}, r"patterns has '\(', which is no regular expression"),
        ({"patterns": [b"a"]}, "patterns has b'a', which is for bytes"),
        ({"mask": ""}, "mask is ''; use a text without blanks"),
        ({"keys": ["*"]}, r"keys is \['\*'\], where '\*' would mask the value of every tag; use a list of names"),
        ({"keys": {"iban": 1}}, r"keys is {'iban': 1}; use a list of names"),
        ({"whole_query": "no"}, "whole_query is 'no'; use True or False"),
        ({"whole_query": 1}, "whole_query is 1; use True or False"),
        ({"defaults": "false"}, "defaults is 'false'; use True or False"),
        ({"max_length": 1.5}, "max_length is 1.5; use a number of characters"),
        ({"mask": 5}, "mask is 5; use a text"),
        ({"mask": "a b"}, "mask is 'a b'"),
        ({"max_length": 0}, "max_length is 0; use a number of characters"),
    ],
)
def test_a_wrong_argument_says_how(arguments: dict[str, Any], message: str) -> None:
    """A wrong argument raises ValueError with its name and the remedy."""
    with pytest.raises(ValueError, match=message):
        redact(**arguments)


def test_card_numbers_are_those_whose_last_digit_is_right() -> None:
    """A number is a card's if Luhn's formula holds, also between other digits of a run."""

    assert True is is_card_number("4111111111111111")
    assert False is is_card_number("4111111111111112")
    assert "2222 *** 12" == REDACTION.text("2222 4111 1111 1111 1111 12")
