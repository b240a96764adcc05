//! Reservations: the station keeps them, the backend orders them.

use ocpp::rpc::MessageId;
use ocpp::v16::{
    CancelReservationRequest as CancelMessage, CancelReservationResponse, GenericStatus,
    ReservationStatus, ReserveNowRequest, ReserveNowResponse, Response,
};

use super::{Ocpp16, Operator, Waiting};
use crate::backend::{CancelReservationRequest, Command, OutcomeKind, ReserveRequest, Role};
use crate::{Token, TokenKind};

/// The backend's number as the station keeps it; the numbers of OCPP may be negative.
fn station_number(reservation_id: i64) -> Option<u32> {
    i32::try_from(reservation_id).ok().map(i32::cast_unsigned)
}

/// The station's number as the backend gave it.
pub(super) fn backend_number(reservation: u32) -> i64 {
    i64::from(reservation.cast_signed())
}

impl<O: Operator> Ocpp16<O> {
    pub(super) fn reserve(&mut self, id: &MessageId, request: &ReserveNowRequest) {
        let connector = u32::try_from(request.connector_id).ok();
        let connector = connector.filter(|number| self.statuses.has(*number) || *number == 0);
        let fits = connector.zip(station_number(request.reservation_id));
        let (true, Some((connector, reservation))) = (self.role == Role::Primary, fits) else {
            let status = ReservationStatus::Rejected;
            return self.answer(id, &Response::from(ReserveNowResponse { status }));
        };
        let token = Token {
            value: self.settings.token_format.back(request.id_tag.as_str()),
            kind: TokenKind::Central,
        };
        let group = request
            .parent_id_tag
            .as_ref()
            .map(|tag| tag.as_str().to_owned());
        let expires_wall_ms = request.expiry_date;
        self.ask_station(Waiting::Reserve(id.clone()), |request_id| {
            Command::Reserve(ReserveRequest {
                request_id,
                evse_id: (connector > 0).then_some(connector),
                reservation,
                token,
                group,
                expires_wall_ms,
            })
        });
    }

    pub(super) fn cancel_reservation(&mut self, id: &MessageId, request: &CancelMessage) {
        let number = station_number(request.reservation_id);
        let Some(reservation) = number.filter(|_| self.role == Role::Primary) else {
            let status = GenericStatus::Rejected;
            return self.answer(id, &Response::from(CancelReservationResponse { status }));
        };
        self.ask_station(Waiting::CancelReservation(id.clone()), |request_id| {
            Command::CancelReservation(CancelReservationRequest {
                request_id,
                reservation,
            })
        });
    }
}

pub(super) const fn status(kind: OutcomeKind) -> ReservationStatus {
    match kind {
        OutcomeKind::Accepted => ReservationStatus::Accepted,
        OutcomeKind::Occupied => ReservationStatus::Occupied,
        OutcomeKind::Faulted => ReservationStatus::Faulted,
        OutcomeKind::Unavailable => ReservationStatus::Unavailable,
        OutcomeKind::Rejected
        | OutcomeKind::Scheduled
        | OutcomeKind::RestartRequired
        | OutcomeKind::Unknown
        | OutcomeKind::NotSupported
        | OutcomeKind::Failed => ReservationStatus::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_ocpp_has_comes_back() {
        for number in [0, 1, -1, i64::from(i32::MAX), i64::from(i32::MIN)] {
            assert_eq!(station_number(number).map(backend_number), Some(number));
        }
        assert_eq!(station_number(i64::from(i32::MAX) + 1), None);
    }
}
