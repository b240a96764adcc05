"""A charge point that the tests of the central-system half direct, line by line: charge_point.py URL.

It is the `ChargePoint` of the `ocpp` package, which holds every frame in both directions against its schemas, over a
`websockets` client. It keeps the little state a charge point must have to answer sensibly. Commands come as JSON lines
on standard input: `{"do": "call", "action": A, "payload": P}` sends a call, `{"do": "unlearn", "action": A}` takes a
handler away. Events leave as JSON lines on standard output: `open`, `called` (a call came, before it is checked),
`answer` (to a call of ours), `objection` (something does not fit a schema, or was answered with an error).
"""

import asyncio
import datetime
import json
import sys

from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import (
    Action,
    AvailabilityStatus,
    CancelReservationStatus,
    CertificateSignedStatus,
    CertificateStatus,
    ChargingProfileStatus,
    ClearCacheStatus,
    ClearChargingProfileStatus,
    ConfigurationStatus,
    DataTransferStatus,
    DeleteCertificateStatus,
    GetCompositeScheduleStatus,
    GetInstalledCertificateStatus,
    LogStatus,
    Reason,
    RemoteStartStopStatus,
    ReservationStatus,
    ResetStatus,
    TriggerMessageStatus,
    UnlockStatus,
    UpdateFirmwareStatus,
    UpdateStatus,
)
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

ANSWER_WITHIN_S = 20
MAX_COMMAND = 1 << 20
ROOT = {"hash_algorithm": "SHA256", "issuer_name_hash": "ab12", "issuer_key_hash": "cd34", "serial_number": "01ff"}


def emit(event, **fields):
    """Reports one event to the test."""
    sys.stdout.write(json.dumps({"event": event, **fields}, default=float) + "\n")
    sys.stdout.flush()


def now():
    """Wall clock as Python writes it: microseconds, and an offset instead of a Z."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Station(ChargePoint):
    """Two connectors, and a handler for every call of the standard."""

    def __init__(self, identity, link):
        super().__init__(identity, link, response_timeout=ANSWER_WITHIN_S)
        self.keys = {"HeartbeatInterval": "300", "MeterValueSampleInterval": "10"}
        self.list_version = 0
        self.reservations = set()
        self.profiles = {}
        self.roots = []
        self.running = {}  # transaction -> idTag

    async def _handle_call(self, msg):
        emit("called", action=msg.action, payload=msg.payload)
        return await super()._handle_call(msg)

    async def ask(self, request):
        """Sends a call and reports its answer; None if there is something to object to."""
        action = type(request).__name__
        try:
            answer = await self.call(request, suppress=False)
        except Exception as error:  # whatever the package objects to, the test must hear of it
            emit("objection", action=action, what=repr(error))
            return None
        emit("answer", action=action, payload=remove_nones(snake_to_camel_case(serialize_as_dict(answer))))
        return answer

    # Core

    @on(Action.reset)
    def on_reset(self, type):
        return call_result.Reset(status=ResetStatus.accepted)

    @on(Action.change_availability)
    def on_change_availability(self, connector_id, type):
        return call_result.ChangeAvailability(status=AvailabilityStatus.scheduled)

    @on(Action.get_configuration)
    def on_get_configuration(self, key=None):
        known = [name for name in key or self.keys if name in self.keys]
        unknown = [name for name in key or [] if name not in self.keys]
        told = [{"key": name, "readonly": False, "value": self.keys[name]} for name in known]
        return call_result.GetConfiguration(configuration_key=told, unknown_key=unknown)

    @on(Action.change_configuration)
    def on_change_configuration(self, key, value):
        if key not in self.keys:
            return call_result.ChangeConfiguration(status=ConfigurationStatus.not_supported)
        self.keys[key] = value
        return call_result.ChangeConfiguration(status=ConfigurationStatus.accepted)

    @on(Action.clear_cache)
    def on_clear_cache(self):
        return call_result.ClearCache(status=ClearCacheStatus.accepted)

    @on(Action.unlock_connector)
    def on_unlock_connector(self, connector_id):
        return call_result.UnlockConnector(status=UnlockStatus.unlock_failed)

    @on(Action.data_transfer)
    def on_data_transfer(self, vendor_id, message_id=None, data=None):
        return call_result.DataTransfer(status=DataTransferStatus.unknown_message_id, data=data)

    @on(Action.remote_start_transaction)
    def on_remote_start_transaction(self, id_tag, connector_id=None, charging_profile=None):
        return call_result.RemoteStartTransaction(status=RemoteStartStopStatus.accepted)

    @after(Action.remote_start_transaction)
    async def after_remote_start_transaction(self, id_tag, connector_id=None, charging_profile=None):
        start = call.StartTransaction(connector_id=connector_id, id_tag=id_tag, meter_start=500, timestamp=now())
        answer = await self.ask(start)
        if answer is not None:
            self.running[answer.transaction_id] = id_tag

    @on(Action.remote_stop_transaction)
    def on_remote_stop_transaction(self, transaction_id):
        known = transaction_id in self.running
        status = RemoteStartStopStatus.accepted if known else RemoteStartStopStatus.rejected
        return call_result.RemoteStopTransaction(status=status)

    @after(Action.remote_stop_transaction)
    async def after_remote_stop_transaction(self, transaction_id):
        if self.running.pop(transaction_id, None) is not None:
            stop = call.StopTransaction(
                meter_stop=700, timestamp=now(), transaction_id=transaction_id, reason=Reason.remote
            )
            await self.ask(stop)

    # Remote trigger

    @on(Action.trigger_message)
    def on_trigger_message(self, requested_message, connector_id=None):
        return call_result.TriggerMessage(status=TriggerMessageStatus.accepted)

    @after(Action.trigger_message)
    async def after_trigger_message(self, requested_message, connector_id=None):
        if requested_message == "Heartbeat":
            await self.ask(call.Heartbeat())

    @on(Action.extended_trigger_message)
    def on_extended_trigger_message(self, requested_message, connector_id=None):
        return call_result.ExtendedTriggerMessage(status=TriggerMessageStatus.accepted)

    @after(Action.extended_trigger_message)
    async def after_extended_trigger_message(self, requested_message, connector_id=None):
        if requested_message == "SignChargePointCertificate":
            await self.ask(call.SignCertificate(csr="-----BEGIN CERTIFICATE REQUEST-----\nAA==\n"))

    # Local list

    @on(Action.send_local_list)
    def on_send_local_list(self, list_version, update_type, local_authorization_list=None):
        if list_version <= self.list_version:
            return call_result.SendLocalList(status=UpdateStatus.version_mismatch)
        self.list_version = list_version
        return call_result.SendLocalList(status=UpdateStatus.accepted)

    @on(Action.get_local_list_version)
    def on_get_local_list_version(self):
        return call_result.GetLocalListVersion(list_version=self.list_version)

    # Reservation

    @on(Action.reserve_now)
    def on_reserve_now(self, connector_id, expiry_date, id_tag, reservation_id, parent_id_tag=None):
        self.reservations.add(reservation_id)
        return call_result.ReserveNow(status=ReservationStatus.accepted)

    @on(Action.cancel_reservation)
    def on_cancel_reservation(self, reservation_id):
        if reservation_id not in self.reservations:
            return call_result.CancelReservation(status=CancelReservationStatus.rejected)
        self.reservations.remove(reservation_id)
        return call_result.CancelReservation(status=CancelReservationStatus.accepted)

    # Smart charging

    @on(Action.set_charging_profile)
    def on_set_charging_profile(self, connector_id, cs_charging_profiles):
        self.profiles[cs_charging_profiles["charging_profile_id"]] = cs_charging_profiles
        return call_result.SetChargingProfile(status=ChargingProfileStatus.accepted)

    @on(Action.clear_charging_profile)
    def on_clear_charging_profile(self, id=None, connector_id=None, charging_profile_purpose=None, stack_level=None):
        known = self.profiles.pop(id, None) is not None
        status = ClearChargingProfileStatus.accepted if known else ClearChargingProfileStatus.unknown
        return call_result.ClearChargingProfile(status=status)

    @on(Action.get_composite_schedule)
    def on_get_composite_schedule(self, connector_id, duration, charging_rate_unit=None):
        periods = [
            {"start_period": 0, "limit": 16.0, "number_phases": 3},
            {"start_period": 600, "limit": 21.4},
        ]
        schedule = {
            "duration": duration,
            "charging_rate_unit": charging_rate_unit,
            "charging_schedule_period": periods,
            "min_charging_rate": 6.1,
        }
        return call_result.GetCompositeSchedule(
            status=GetCompositeScheduleStatus.accepted,
            connector_id=connector_id,
            schedule_start="2026-03-01T08:30:00.000Z",
            charging_schedule=schedule,
        )

    # Firmware and logs

    @on(Action.get_diagnostics)
    def on_get_diagnostics(self, location, retries=None, retry_interval=None, start_time=None, stop_time=None):
        return call_result.GetDiagnostics(file_name="diag-1.tar")

    @on(Action.update_firmware)
    def on_update_firmware(self, location, retrieve_date, retries=None, retry_interval=None):
        return call_result.UpdateFirmware()

    @on(Action.get_log)
    def on_get_log(self, log, log_type, request_id, retries=None, retry_interval=None):
        return call_result.GetLog(status=LogStatus.accepted, filename="sec.log")

    @on(Action.signed_update_firmware)
    def on_signed_update_firmware(self, request_id, firmware, retries=None, retry_interval=None):
        return call_result.SignedUpdateFirmware(status=UpdateFirmwareStatus.accepted)

    # Certificates

    @on(Action.install_certificate)
    def on_install_certificate(self, certificate_type, certificate):
        self.roots.append(ROOT)
        return call_result.InstallCertificate(status=CertificateStatus.accepted)

    @on(Action.get_installed_certificate_ids)
    def on_get_installed_certificate_ids(self, certificate_type):
        if not self.roots:
            return call_result.GetInstalledCertificateIds(status=GetInstalledCertificateStatus.not_found)
        return call_result.GetInstalledCertificateIds(
            status=GetInstalledCertificateStatus.accepted, certificate_hash_data=self.roots
        )

    @on(Action.delete_certificate)
    def on_delete_certificate(self, certificate_hash_data):
        if certificate_hash_data not in self.roots:
            return call_result.DeleteCertificate(status=DeleteCertificateStatus.not_found)
        self.roots.remove(certificate_hash_data)
        return call_result.DeleteCertificate(status=DeleteCertificateStatus.accepted)

    @on(Action.certificate_signed)
    def on_certificate_signed(self, certificate_chain):
        return call_result.CertificateSigned(status=CertificateSignedStatus.accepted)


async def obey(station):
    """Does what the test says, until it says nothing more."""
    reader = asyncio.StreamReader(limit=MAX_COMMAND)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if command["do"] == "call":
            request = getattr(call, command["action"])
            await station.ask(request(**camel_to_snake_case(command["payload"])))
        elif command["do"] == "unlearn":
            del station.route_map[command["action"]]
            emit("unlearned", action=command["action"])


async def main():
    url = sys.argv[1]
    async with connect(url, subprotocols=["ocpp1.6"], ping_interval=None) as link:
        emit("open", subprotocol=link.subprotocol)
        station = Station(url.rsplit("/", 1)[-1], link)
        frames = asyncio.create_task(station.start())
        commands = asyncio.create_task(obey(station))
        done, pending = await asyncio.wait({frames, commands}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            if task.exception() and not isinstance(task.exception(), ConnectionClosed):
                emit("objection", action="", what=repr(task.exception()))


asyncio.run(main())
