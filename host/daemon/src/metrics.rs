//! Metrics in Prometheus' text format, made from the status.

use std::fmt::Write as _;

use serde_json::Value;

/// Text of `/metrics`.
#[must_use]
pub fn text(status: &Value) -> String {
    let mut out = String::new();
    let number = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(0.0);
    metric(
        &mut out,
        "pilotwire_uptime_seconds",
        "gauge",
        "Time since the start of the process.",
    );
    line(
        &mut out,
        "pilotwire_uptime_seconds",
        &[],
        number(status.get("uptime_ms")) / 1_000.0,
    );
    let interlock = status.get("interlock");
    let of = |key: &str| number(interlock.and_then(|i| i.get(key)));
    metric(
        &mut out,
        "pilotwire_interlock_ticks_total",
        "counter",
        "Ticks of the interlock.",
    );
    line(
        &mut out,
        "pilotwire_interlock_ticks_total",
        &[],
        of("ticks"),
    );
    metric(
        &mut out,
        "pilotwire_interlock_late_ticks_total",
        "counter",
        "Ticks that began more than a tick late.",
    );
    line(
        &mut out,
        "pilotwire_interlock_late_ticks_total",
        &[],
        of("late_ticks"),
    );
    let journal = status.get("journal");
    let of = |key: &str| number(journal.and_then(|j| j.get(key)));
    metric(
        &mut out,
        "pilotwire_journal_entries_total",
        "counter",
        "Highest position in the journal.",
    );
    line(&mut out, "pilotwire_journal_entries_total", &[], of("last"));
    metric(
        &mut out,
        "pilotwire_journal_commits_total",
        "counter",
        "Journal transactions of this process.",
    );
    line(
        &mut out,
        "pilotwire_journal_commits_total",
        &[],
        of("commits"),
    );
    metric(
        &mut out,
        "pilotwire_log_lines_dropped_total",
        "counter",
        "Log lines left out by the rate limit.",
    );
    #[allow(
        clippy::cast_precision_loss,
        reason = "a counter of log lines never gets near 2^52"
    )]
    let dropped = crate::logging::dropped_lines() as f64;
    line(&mut out, "pilotwire_log_lines_dropped_total", &[], dropped);
    pack(&mut out, status);
    evses(&mut out, status);
    plugins(&mut out, status);
    out
}

fn pack(out: &mut String, status: &Value) {
    let flag = |key: &str| {
        let set = status.get(key) == Some(&Value::Bool(true));
        f64::from(u8::from(set))
    };
    let rollbacks = status.get("pack_rollbacks").and_then(Value::as_f64);
    for (name, kind, help, value) in [
        (
            "pilotwire_development_mode",
            "gauge",
            "1 while something runs that nobody signed.",
            flag("development"),
        ),
        (
            "pilotwire_pack_on_trial",
            "gauge",
            "1 while a pack has to prove itself.",
            flag("pack_on_trial"),
        ),
        (
            "pilotwire_pack_rollbacks_total",
            "counter",
            "Packs that were taken back.",
            rollbacks.unwrap_or(0.0),
        ),
        (
            "pilotwire_free_charging",
            "gauge",
            "1 while a free-charging mode is in force.",
            flag("free_charging"),
        ),
    ] {
        metric(out, name, kind, help);
        line(out, name, &[], value);
    }
}

fn list<'a>(status: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    status
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn evses(out: &mut String, status: &Value) {
    let rows = [
        (
            "pilotwire_evse_offered_amperes",
            "offered_ma",
            1_000.0,
            "gauge",
            "Current offered to the vehicle.",
        ),
        (
            "pilotwire_evse_register_watthours_total",
            "register_wh",
            1.0,
            "counter",
            "Import register.",
        ),
        (
            "pilotwire_evse_limit_amperes",
            "limit_ma",
            1_000.0,
            "gauge",
            "Effective limit.",
        ),
    ];
    for (name, key, divisor, kind, help) in rows {
        metric(out, name, kind, help);
        for evse in list(status, "evses") {
            let label = evse.get("evse").map(Value::to_string).unwrap_or_default();
            let value = evse.get(key).and_then(Value::as_f64).unwrap_or(0.0);
            line(out, name, &[("evse", &label)], value / divisor);
        }
    }
    metric(
        out,
        "pilotwire_evse_energised",
        "gauge",
        "1 while the contactor is closed.",
    );
    for evse in list(status, "evses") {
        let label = evse.get("evse").map(Value::to_string).unwrap_or_default();
        let closed = evse.get("contactor").and_then(Value::as_str) == Some("closed");
        line(
            out,
            "pilotwire_evse_energised",
            &[("evse", &label)],
            f64::from(u8::from(closed)),
        );
    }
    metric(
        out,
        "pilotwire_fault",
        "gauge",
        "1 for every fault that stands.",
    );
    for fault in list(status, "faults") {
        let id = fault.get("id").and_then(Value::as_str).unwrap_or_default();
        let evse = fault.get("evse").map(Value::to_string).unwrap_or_default();
        line(out, "pilotwire_fault", &[("id", id), ("evse", &evse)], 1.0);
    }
}

fn plugins(out: &mut String, status: &Value) {
    let rows = [
        (
            "pilotwire_plugin_failures_total",
            "failures",
            "counter",
            "Instances that failed.",
        ),
        (
            "pilotwire_plugin_calls_total",
            "calls",
            "counter",
            "Calls into the plugin.",
        ),
        (
            "pilotwire_plugin_refusals_total",
            "refusals",
            "counter",
            "Commands refused for want of a grant.",
        ),
        (
            "pilotwire_plugin_over_quota_total",
            "over_quota",
            "counter",
            "Answers with more messages than the quota allows.",
        ),
        (
            "pilotwire_plugin_swaps_total",
            "swaps",
            "counter",
            "Instances that took over from another.",
        ),
        (
            "pilotwire_plugin_outbox",
            "outbox",
            "gauge",
            "Frames that the backend has not confirmed.",
        ),
        (
            "pilotwire_plugin_journal_lag",
            "journal_lag",
            "gauge",
            "Journal entries not taken yet.",
        ),
    ];
    for (name, key, kind, help) in rows {
        metric(out, name, kind, help);
        for plugin in list(status, "plugins") {
            if let Some(value) = plugin.get(key).and_then(Value::as_f64) {
                let label = plugin
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                line(out, name, &[("plugin", label)], value);
            }
        }
    }
    metric(
        out,
        "pilotwire_plugin_running",
        "gauge",
        "1 while an instance runs.",
    );
    for plugin in list(status, "plugins") {
        let label = plugin
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let running = plugin.get("state").and_then(Value::as_str) == Some("running");
        line(
            out,
            "pilotwire_plugin_running",
            &[("plugin", label)],
            f64::from(u8::from(running)),
        );
    }
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| {
            format!(
                "{key}=\"{}\"",
                value.replace('\\', "\\\\").replace('"', "\\\"")
            )
        })
        .collect();
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    };
    let _ = writeln!(out, "{name}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_line_is_a_comment_or_a_name_with_a_number() {
        let status = json!({
            "uptime_ms": 1500, "interlock": {"ticks": 150}, "journal": {"last": 3},
            "evses": [{"evse": 1, "offered_ma": 16000, "contactor": "closed"}],
            "faults": [{"id": "RCMB", "evse": 1}],
            "plugins": [{"name": "backend-eflux", "state": "running", "failures": 2, "swaps": 3}],
            "development": true, "pack_rollbacks": 1,
        });
        let text = text(&status);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let value = line.rsplit(' ').next().unwrap_or_default();
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
        assert!(text.contains("pilotwire_evse_offered_amperes{evse=\"1\"} 16\n"));
        assert!(text.contains("pilotwire_plugin_failures_total{plugin=\"backend-eflux\"} 2\n"));
        assert!(text.contains("pilotwire_plugin_swaps_total{plugin=\"backend-eflux\"} 3\n"));
        assert!(text.contains("pilotwire_development_mode 1\n"));
        assert!(text.contains("pilotwire_pack_rollbacks_total 1\n"));
        assert!(text.contains("pilotwire_pack_on_trial 0\n"));
        assert!(text.contains("pilotwire_evse_energised{evse=\"1\"} 1\n"));
    }
}
