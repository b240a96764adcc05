#!/usr/bin/env python3
"""A client of charge points and a validator of envelopes; it knows OCPP only from the service descriptions.

    client.py validate WSDL           lines {"xml": X} on standard input: validates header and body elements
    client.py call WSDL URL VERSION   calls every operation of the service at URL and prints what zeep made of the answer
    client.py converse WSDL IDENTITY  lines {"url": U, "operation": O, "arguments": {...}} on standard input: calls the
                                      operation; "identity": I instead of IDENTITY, "certificate": [CHAIN, KEY] to show

Every answer is one line of JSON on standard output.
"""

import datetime
import json
import sys

from lxml import etree

XSD = "{http://www.w3.org/2001/XMLSchema}schema"
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
WSA = "{http://www.w3.org/2005/08/addressing}"


def say(**event):
    print(json.dumps(event, default=str), flush=True)


def validate(wsdl):
    # Taken out of the description, with the namespaces that were declared around it.
    schema = etree.XMLSchema(etree.fromstring(etree.tostring(next(etree.parse(wsdl).iter(XSD)))))
    for line in sys.stdin:
        problems = []
        envelope = etree.fromstring(json.loads(line)["xml"].encode())
        header, body = envelope.find(SOAP + "Header"), envelope.find(SOAP + "Body")
        if envelope.tag != SOAP + "Envelope" or len(body) != 1:
            problems.append("the envelope's form")
        for element in list(body) + [e for e in header if not e.tag.startswith(WSA)]:
            if element.tag.startswith(SOAP):
                continue
            if not schema.validate(element):
                problems += [str(error) for error in schema.error_log]
        action = header.find(WSA + "Action")
        say(problems=problems, body=etree.QName(body[0]).localname, action=None if action is None else action.text)


WHEN = datetime.datetime(2026, 3, 1, 8, 0, tzinfo=datetime.timezone.utc)
SCHEDULE = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": "16.0", "numberPhases": 3}, {"startPeriod": 60, "limit": "6.5"}],
}
PROFILE = {
    "chargingProfileId": 3,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": SCHEDULE,
}
TOKEN = {"idTag": "04A1B2C3", "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET7"}}


def arguments(version):
    """What each operation is called with."""
    calls = {
        "CancelReservation": {"reservationId": 7},
        "ChangeAvailability": {"connectorId": 1, "type": "Inoperative"},
        "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "<&>\"' 60"},
        "ClearCache": {},
        "DataTransfer": {"vendorId": "org.example", "messageId": "m", "data": "a\nb"},
        "GetConfiguration": {"key": ["HeartbeatInterval", "Nothing"]},
        "GetDiagnostics": {"location": "ftp://127.0.0.1/d", "startTime": WHEN, "retries": 2},
        "GetLocalListVersion": {},
        "RemoteStartTransaction": {"idTag": "04A1B2C3", "connectorId": 1},
        "RemoteStopTransaction": {"transactionId": 42},
        "ReserveNow": {"connectorId": 1, "expiryDate": WHEN, "idTag": "04A1B2C3", "reservationId": 7},
        "Reset": {"type": "Soft"},
        "SendLocalList": {"updateType": "Full", "listVersion": 5},
        "UnlockConnector": {"connectorId": 1},
        "UpdateFirmware": {"retrieveDate": WHEN, "location": "ftp://127.0.0.1/f", "retryInterval": 30},
    }
    name = "localAuthorisationList" if version == "1.5" else "localAuthorizationList"
    calls["SendLocalList"][name] = [TOKEN, {"idTag": "04D4E5F6"}]
    if version == "1.6":
        calls["RemoteStartTransaction"]["chargingProfile"] = dict(PROFILE, chargingProfilePurpose="TxProfile")
        calls["ClearChargingProfile"] = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
        calls["GetCompositeSchedule"] = {"connectorId": 1, "duration": 300, "chargingRateUnit": "A"}
        calls["SetChargingProfile"] = {"connectorId": 1, "csChargingProfiles": PROFILE}
        calls["TriggerMessage"] = {"requestedMessage": "MeterValues", "connectorId": 1}
    return calls


def call(wsdl, url, version):
    import zeep
    from zeep.helpers import serialize_object

    # The description asks for WS-Addressing, so zeep does it without being told; its plugin would do it twice.
    client = zeep.Client(wsdl)
    binding = next(iter(client.wsdl.bindings.values()))
    service = client.create_service(binding.name, url)
    identity = etree.Element("{" + binding.name.namespace + "}chargeBoxIdentity")
    identity.text = "CP-1"
    calls = arguments(version)
    missing = sorted(set(binding._operations) ^ set(calls))
    for operation, values in sorted(calls.items()):
        try:
            answer = getattr(service, operation)(**values, _soapheaders=[identity])
            say(operation=operation, answer=serialize_object(answer, dict))
        except zeep.exceptions.Fault as fault:
            subcodes = [name.localname for name in fault.subcodes or []]
            say(operation=operation, fault=fault.code, subcodes=subcodes, reason=fault.message)
    say(done=True, missing=missing)


def converse(wsdl, identity):
    import requests
    import urllib3
    import zeep
    from zeep.helpers import serialize_object
    from zeep.transports import Transport

    # What the station shows is its own affair here; it is looked at elsewhere.
    urllib3.disable_warnings()
    client = zeep.Client(wsdl, transport=Transport(operation_timeout=30))
    client.transport.session.verify = False
    client.transport.session.trust_env = False
    binding = next(iter(client.wsdl.bindings.values()))
    say(operations=sorted(binding._operations))
    for line in sys.stdin:
        told = json.loads(line)
        service = client.create_service(binding.name, told["url"])
        header = etree.Element("{" + binding.name.namespace + "}chargeBoxIdentity")
        header.text = told.get("identity", identity)
        client.transport.session.cert = told.get("certificate") and tuple(told["certificate"])
        try:
            answer = getattr(service, told["operation"])(**told.get("arguments", {}), _soapheaders=[header])
            say(answer=serialize_object(answer, dict))
        except zeep.exceptions.Fault as fault:
            say(fault=fault.code, subcodes=[name.localname for name in fault.subcodes or []], reason=fault.message)
        except zeep.exceptions.TransportError as error:
            say(status=error.status_code)
        except (requests.exceptions.RequestException, OSError) as error:
            say(unreachable=str(error))


if __name__ == "__main__":
    {"validate": validate, "call": call, "converse": converse}[sys.argv[1]](*sys.argv[2:])
