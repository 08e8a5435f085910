"""moto's S3 on loopback, behind a check of signatures by botocore; ends when its standard input closes.

Two ports, both printed: where each request must be signed by the key, and where the tests' own hands reach what is kept.
Arguments: the first port (0: any), access key, secret key, and for TLS on it the files of a certificate and its key.
"""

import sys
import threading
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

port, access, secret = int(sys.argv[1]), sys.argv[2], sys.argv[3]
files = tuple(sys.argv[4:6]) or None


def wrong(environ):
    """The code of what is wrong with a request's signature."""
    url = urlsplit(environ["wsgi.url_scheme"] + "://" + environ["HTTP_HOST"] + environ["REQUEST_URI"])
    query = parse_qsl(url.query, keep_blank_values=True)
    given = dict(query)
    if "X-Amz-Signature" not in given:
        return "AccessDenied"
    if given["X-Amz-Credential"].split("/")[0] != access:
        return "InvalidAccessKeyId"
    region = given["X-Amz-Credential"].split("/")[2]
    rest = urlencode([(name, value) for name, value in query if name != "X-Amz-Signature"])
    request = AWSRequest(environ["REQUEST_METHOD"], urlunsplit(url._replace(query=rest)))
    request.context["timestamp"] = given["X-Amz-Date"]
    auth = S3SigV4QueryAuth(Credentials(access, secret), "s3", region, int(given["X-Amz-Expires"]))
    signed = auth.string_to_sign(request, auth.canonical_request(request))
    if auth.signature(signed, request) != given["X-Amz-Signature"]:
        return "SignatureDoesNotMatch"
    return None


def checked(environ, start_response):
    code = wrong(environ)
    if code is None:
        return moto(environ, start_response)
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("403 Forbidden", [("Content-Type", "application/xml")])
    return [f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()]


moto = DomainDispatcherApplication(create_backend_app)
servers = [make_server("127.0.0.1", at, app, threaded=True, ssl_context=tls) for at, app, tls in ((port, checked, files), (0, moto, None))]
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*(server.server_port for server in servers), flush=True)
sys.stdin.read()
