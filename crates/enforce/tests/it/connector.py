"""A connector that is not ours: what published ones do, with nothing but Python's own library. Ends with 0 if all of it worked."""

import base64
import json
import sys
import urllib.error
import urllib.request

base, user, password = sys.argv[1:4]
BASE = base + "/ProtectManager/webservices/v2"


def ask(method, path, body=None, user=user, password=password):
    request = urllib.request.Request(BASE + path, method=method)
    proof = base64.b64encode(f"{user}:{password}".encode()).decode()
    request.add_header("Authorization", "Basic " + proof)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), refused.headers


def told(method, path, body=None):
    status, text, _ = ask(method, path, body)
    assert status == 200, (method, path, status, text)
    return json.loads(text)


def page(number, size):
    return told("POST", "/incidents/", {
        "select": [{"name": name} for name in ("incidentId", "creationDate", "severityId", "messageSubject")],
        "orderBy": [{"order": "ASC", "field": {"name": "messageSubject"}}],
        "page": {"type": "offset", "pageNumber": number, "pageSize": size},
        "filter": {"filterType": "booleanLogic", "booleanOperator": "AND", "filters": [
            {"filterType": "localDateTime", "operandOne": {"name": "creationDate"}, "operator": "GT",
             "operandTwoValues": ["2020-01-01T00:00:00"]},
            {"filterType": "string", "operandOne": {"name": "messageSource"}, "operator": "IN",
             "operandTwoValues": ["NETWORK"]},
            {"filterType": "string", "operandOne": {"name": "policyName", "function": "UPPER"}, "operator": "EQ",
             "operandTwoValues": ["POLICY 1"]},
        ]},
    })["incidents"]


# Signs in, and is refused with another password.
assert ask("GET", "/incidents/statuses", password="wrong")[0] == 401
statuses = {one["name"]: one["id"] for one in told("GET", "/incidents/statuses")}
assert statuses["New"] == 1 and "Resolved" in statuses, statuses

# Pages until there are no more.
incidents, number = [], 1
while True:
    some = page(number, 2)
    incidents += some
    if len(some) < 2:
        break
    number += 1
subjects = [one["messageSubject"] for one in incidents]
assert subjects == sorted(subjects) and len(subjects) == 5, subjects
assert len({one["incidentId"] for one in incidents}) == 5, incidents
one = incidents[0]["incidentId"]

# Reads one.
fixed = told("GET", f"/incidents/{one}/staticAttributes")["infoMap"]
assert fixed["policyName"] == "policy 1" and fixed["messageSubject"] == subjects[0], fixed
editable = told("GET", f"/incidents/{one}/editableAttributes")
assert editable["infoMap"]["incidentStatusName"] == "New", editable
attribute = editable["customAttributeGroups"][0]["customAttributes"][0]
assert attribute["name"] == "Department", editable
policies = told("GET", f"/incidents/{one}/policymatches")
assert policies["matches"] == 3 and policies["violatedRules"][0]["ruleName"] == "numbers", policies
for path in ("/incidents/protectOrPreventStatuses", f"/incidents/{one}/components/matches"):
    assert told("GET", path), path
shared = {one["variable"]: one["correlationValues"] for one in told("GET", f"/incidents/{one}/correlations")}
assert shared["incident.policy.id"][0]["countAllDays"] == 5, shared

# The original and a file of it.
status, original, headers = ask("GET", f"/incidents/{one}/originalMessage")
assert status == 200 and original.startswith(b"From: anna@company.example"), (status, original)
body = told("GET", f"/incidents/{one}/messageBody")["messageBody"]
assert "4111 1111 1111 1111" in body, body
components = told("GET", f"/incidents/{one}/components")
assert [part["messageComponentName"] for part in components][:2] == ["Body", "offer.zip"], components
note = next(part for part in components if part["messageComponentName"] == "note.txt")
assert note["isComponentAvailable"] and note["originalSize"] == 12 and note["mimeType"] == "text/plain", note
status, octets, headers = ask("GET", f"/incidents/{one}/components/{note['messageComponentId']}")
assert (status, octets) == (200, b"plain words\n"), (status, octets)
assert "attachment" in headers["Content-Disposition"], headers
status, octets, _ = ask("GET", f"/incidents/{one}/components/2")
assert (status, octets) == (200, bytes(range(256))), (status, octets)
assert ask("GET", f"/incidents/{one}/components/99")[0] == 404

# Changes it, and reads what became of it.
changed = told("PATCH", "/incidents", {
    "incidentIds": [one, 99999],
    "incidentStatusId": statuses["Escalated"],
    "severity": "LOW",
    "incidentNotes": [{"note": "seen by a connector", "timestamp": "2026-11-27T10:00:00"}],
    "incidentCustomAttributes": [{"columnIndex": attribute["index"], "value": "Sales"}],
    "dataOwnerEmail": "owner@company.example",
    "preventOrProtectStatus": "EMAIL_APPROVED",
    "remediationLocation": "the mail gateway",
})
assert changed == {"updatedIncidentIds": [one], "notFoundIncidentIds": [99999]}, changed
editable = told("GET", f"/incidents/{one}/editableAttributes")
info = editable["infoMap"]
assert (info["incidentStatusName"], info["severityId"], info["preventOrProtectStatusId"]) == ("Escalated", 3, 22), info
assert editable["customAttributeGroups"][0]["customAttributes"][0]["value"] == "Sales", editable
history = told("GET", f"/incidents/{one}/history")
actions = [line["incidentHistoryAction"] for line in history]
assert {"SET_STATUS", "SET_SEVERITY", "DETECTED"} <= set(actions), actions
assert history[-1]["incidentHistoryAction"] != "SET_STATUS", "newest first"
assert any(line["incidentHistoryActionString"] == "Set status" for line in history), history
assert told("GET", f"/incidents/{one}/notes")[0]["note"] == "seen by a connector"
told("POST", "/logoff")
print("all of it worked")
