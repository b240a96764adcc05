//! The bill, for people.

use super::csms::Snapshot;
use super::operator::Operator;

/// The sessions as the central system booked them.
pub fn render(operator: Operator, seen: &Snapshot) -> String {
    let mut text = format!(
        "sessions billed by the central system ({})\n",
        operator.pack()
    );
    if seen.sessions.is_empty() {
        text += "  none\n";
    }
    for session in &seen.sessions {
        let (end, reason) = match &session.end {
            Some(end) => (end.meter_stop_wh.to_string(), format!("{:?}", end.reason)),
            None => ("running".to_owned(), "-".to_owned()),
        };
        text += &format!(
            "  transaction {} · connector {} · card {} ({:?}) · register {} → {end} Wh · {} Wh · {} readings · ended: {reason}\n",
            session.transaction_id,
            session.connector_id,
            session.id_tag.as_str(),
            session.verdict,
            session.meter_start_wh,
            session.energy_wh(),
            session.readings,
        );
    }
    let statuses: Vec<_> = seen
        .statuses
        .iter()
        .filter(|(at, _)| *at == 1)
        .map(|(_, status)| format!("{status:?}"))
        .collect();
    text += &format!("  connector 1: {}\n", statuses.join(" → "));
    text
}
