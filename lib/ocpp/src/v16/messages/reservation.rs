//! Reservation profile.

use super::GenericStatus;
use crate::v16::types::IdToken;
use units::Timestamp;

wire_struct! {
    /// Cancels a reservation.
    pub struct CancelReservationRequest {
        /// The reservation.
        reservation_id: i64 = "reservationId";
    }
}

wire_struct! {
    /// Answers a cancellation.
    pub struct CancelReservationResponse {
        /// Rejected if there is no such reservation.
        status: GenericStatus = "status";
    }
}

wire_struct! {
    /// Reserves a connector.
    pub struct ReserveNowRequest {
        /// The connector; 0 for any.
        connector_id: i64 = "connectorId";
        /// When the reservation ends.
        expiry_date: Timestamp = "expiryDate";
        /// Who it is for.
        id_tag: IdToken = "idTag";
        /// The group it is for.
        parent_id_tag: Option<IdToken> = "parentIdTag";
        /// Its number; an existing one is replaced.
        reservation_id: i64 = "reservationId";
    }
}

wire_enum! {
    /// Whether a reservation was made.
    pub enum ReservationStatus {
        /// Made.
        Accepted = "Accepted",
        /// Not made: the connector is out of order.
        Faulted = "Faulted",
        /// Not made: the connector is in use or reserved.
        Occupied = "Occupied",
        /// Not made: reservations are not offered.
        Rejected = "Rejected",
        /// Not made: the connector is out of service.
        Unavailable = "Unavailable",
    }
}

wire_struct! {
    /// Answers a reservation.
    pub struct ReserveNowResponse {
        /// The outcome.
        status: ReservationStatus = "status";
    }
}
