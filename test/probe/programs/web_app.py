"""A service that keeps a session for each request, as WSGI (`application`) and as ASGI (`asgi`)."""

import json

SESSIONS = {}


def remember():
    SESSIONS[len(SESSIONS)] = {"token": "%040d" % len(SESSIONS), "tags": ["a", "b"]}
    return json.dumps({"sessions": len(SESSIONS), "rows": [{"id": number} for number in range(20)]}).encode()


def application(_environ, start_response):
    body = remember()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    body = remember()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
