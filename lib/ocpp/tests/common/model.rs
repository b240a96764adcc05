//! A charge point that does what the standard says with profiles, reservations and the local list, and nothing else.

use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub struct ModelChargePoint {
    /// Connector and profile, by the profile's number.
    pub profiles: BTreeMap<i64, (i64, Value)>,
    /// By number.
    pub reservations: BTreeMap<i64, Value>,
    pub list_version: i64,
    pub list: BTreeMap<String, Value>,
    /// Entries the list may have.
    pub list_limit: usize,
}

impl ModelChargePoint {
    /// Carries out a call and returns its result.
    pub fn act(&mut self, action: &str, payload: &Value) -> Value {
        match action {
            "SetChargingProfile" => self.set_profile(payload),
            "ClearChargingProfile" => self.clear_profiles(payload),
            "ReserveNow" => {
                let id = payload["reservationId"].as_i64().unwrap();
                self.reservations.insert(id, payload.clone());
                json!({ "status": "Accepted" })
            }
            "CancelReservation" => {
                let id = payload["reservationId"].as_i64().unwrap();
                let there = self.reservations.remove(&id).is_some();
                json!({ "status": if there { "Accepted" } else { "Rejected" } })
            }
            "GetLocalListVersion" => {
                let version = if self.list.is_empty() {
                    0
                } else {
                    self.list_version
                };
                json!({ "listVersion": version })
            }
            "SendLocalList" => json!({ "status": self.send_list(payload) }),
            other => panic!("{other} is not for the model"),
        }
    }

    fn set_profile(&mut self, payload: &Value) -> Value {
        let connector = payload["connectorId"].as_i64().unwrap();
        let profile = &payload["csChargingProfiles"];
        let id = profile["chargingProfileId"].as_i64().unwrap();
        let same_place = |other: &(i64, Value)| {
            other.0 == connector
                && other.1["stackLevel"] == profile["stackLevel"]
                && other.1["chargingProfilePurpose"] == profile["chargingProfilePurpose"]
        };
        self.profiles
            .retain(|other, entry| *other != id && !same_place(entry));
        self.profiles.insert(id, (connector, profile.clone()));
        json!({ "status": "Accepted" })
    }

    fn clear_profiles(&mut self, payload: &Value) -> Value {
        let before = self.profiles.len();
        let named = |id: i64, entry: &(i64, Value)| {
            if let Some(wanted) = payload["id"].as_i64() {
                return id == wanted;
            }
            let connector = payload["connectorId"].as_i64();
            let level = payload["stackLevel"].as_i64();
            connector.is_none_or(|connector| connector == entry.0)
                && level.is_none_or(|level| entry.1["stackLevel"] == level)
        };
        self.profiles.retain(|id, entry| !named(*id, entry));
        let status = if self.profiles.len() < before {
            "Accepted"
        } else {
            "Unknown"
        };
        json!({ "status": status })
    }

    fn send_list(&mut self, payload: &Value) -> &'static str {
        let version = payload["listVersion"].as_i64().unwrap();
        let full = payload["updateType"] == "Full";
        assert!(version > 0, "version 0 is that of an empty list");
        if !full && version <= self.list_version {
            return "VersionMismatch";
        }
        let mut list = if full {
            BTreeMap::new()
        } else {
            self.list.clone()
        };
        for entry in payload["localAuthorizationList"].as_array().unwrap() {
            let id_tag = entry["idTag"].as_str().unwrap().to_owned();
            match entry.get("idTagInfo") {
                Some(info) => list.insert(id_tag, info.clone()),
                None => {
                    assert!(!full, "a full list removes nothing");
                    list.remove(&id_tag)
                }
            };
        }
        if list.len() > self.list_limit {
            return "Failed";
        }
        (self.list, self.list_version) = (list, version);
        "Accepted"
    }
}
