//! Tokens and verdicts: who may start, who may stop, and what happens while nobody knows.

use units::{Instant, Millis};

use crate::action::Action;
use crate::evse::{Authorization, Evse};
use crate::limits::MAX_TOKEN_CHARS;
use crate::pilot::StopMode;
use crate::settings::key;
use crate::station::{Pending, Station};
use crate::types::*;

impl Station {
    /// A card was held to a reader.
    pub(crate) fn handle_token(&mut self, now: Instant, evse: Option<EvseId>, token: IdToken) {
        let first = self.evses.first().map(|evse| evse.config.id);
        if self.settings.flag(key::ENFORCE_MASTER_RFID) && evse.is_some() && evse != first {
            return self.signal(evse, Signal::Rejected);
        }
        let evse = evse.filter(|_| !self.settings.flag(key::ENFORCE_MASTER_RFID));
        let only = self.evses.first().filter(|_| self.evses.len() == 1);
        let place = evse.or_else(|| only.map(|evse| evse.config.id));
        self.signal(place, Signal::CardSeen);
        let chars = token.value.chars().count();
        let unknown_place = place.is_some_and(|id| self.evse(id).is_none());
        if chars == 0 || chars > MAX_TOKEN_CHARS || unknown_place {
            return self.signal(place, Signal::Rejected);
        }

        // Stopping needs nobody's opinion and no room.
        if let Some(id) = self.running_with(place, &token) {
            return match self.token_stops(id) {
                true => self.stop_by_token(now, id, token),
                false => self.signal(place, Signal::Rejected),
            };
        }
        if self.is_full() {
            self.overflow.requests = self.overflow.requests.saturating_add(1);
            return self.signal(place, Signal::Rejected);
        }
        if let Some(pending) = self.pending_at(place) {
            // The same card, still held to the reader, is no second question.
            if !is_same(&pending.token, &token) {
                self.signal(place, Signal::Rejected);
            }
            return;
        }
        if self.renew_waiting(now, place, &token) {
            return self.signal(place, Signal::Accepted);
        }
        let kept = place.is_some_and(|id| self.is_kept_from(id, &token));
        match self.purpose_at(place) {
            Some(AuthorizePurpose::Start) if kept => self.signal(place, Signal::Rejected),
            Some(AuthorizePurpose::Stop) => self.ask_to_stop(now, place, token),
            Some(purpose) => {
                self.ask(now, place, token, purpose, None);
            }
            None => self.signal(place, Signal::Rejected),
        }
    }

    /// What a token can be presented for at this place.
    fn purpose_at(&self, place: Option<EvseId>) -> Option<AuthorizePurpose> {
        let here = |evse: &&Evse| place.is_none_or(|id| evse.config.id == id);
        let ids = || self.evses.iter().filter(here).map(|evse| evse.config.id);
        let running = |id| self.evse(id).is_some_and(|evse| evse.transaction.is_some());
        if ids().any(|id| self.can_start(id)) {
            Some(AuthorizePurpose::Start)
        } else if ids().any(running) {
            Some(AuthorizePurpose::Stop)
        } else {
            None
        }
    }

    /// In service, free, and without a fault: a transaction could begin here.
    pub(crate) fn can_start(&self, id: EvseId) -> bool {
        let free = self.evse(id).is_some_and(|evse| {
            evse.operative && !evse.inoperative_soon && evse.transaction.is_none()
        });
        let stays = self.reset.is_none() && self.updating.is_none();
        free && stays && self.faults.stopping(id).is_none() && !self.is_full()
    }

    /// The EVSE whose running transaction was started with this token.
    fn running_with(&self, place: Option<EvseId>, token: &IdToken) -> Option<EvseId> {
        let running = |evse: &&Evse| {
            let running = evse.transaction.as_ref();
            place.is_none_or(|id| evse.config.id == id)
                && running.is_some_and(|transaction| is_same(&transaction.token, token))
        };
        self.evses.iter().find(running).map(|evse| evse.config.id)
    }

    fn pending_at(&self, place: Option<EvseId>) -> Option<&Pending> {
        self.pending.iter().find(|pending| {
            pending.purpose != AuthorizePurpose::Recheck
                && (pending.evse == place || pending.evse.is_none())
        })
    }

    /// The token that is waited for already: its time begins anew.
    fn renew_waiting(&mut self, now: Instant, place: Option<EvseId>, token: &IdToken) -> bool {
        let deadline = self.connection_deadline(now);
        let here = self
            .evses
            .iter_mut()
            .filter(|evse| place.is_none_or(|p| evse.config.id == p));
        let own = here.filter_map(|evse| evse.authorization.as_mut());
        let waiting = own
            .chain(self.floating.as_mut())
            .find(|waiting| is_same(&waiting.token, token));
        match waiting {
            Some(waiting) => {
                waiting.deadline = deadline;
                true
            }
            None => false,
        }
    }

    fn connection_deadline(&self, now: Instant) -> Instant {
        let seconds = self.settings.number(key::VEHICLE_CONNECTION_TIMEOUT_S);
        now.after(Millis::from_secs(seconds.into()))
    }

    /// Another token than the one that runs: one of the same group may stop it, if the setting asks at all.
    fn ask_to_stop(&mut self, now: Instant, place: Option<EvseId>, token: IdToken) {
        if !self.settings.flag(key::AUTHORIZE_FOR_STOP) {
            return self.signal(place, Signal::Rejected);
        }
        let here = |evse: &&Evse| place.is_none_or(|id| evse.config.id == id);
        let here = self.evses.iter().filter(here);
        let mut running = here
            .filter_map(|evse| evse.transaction.as_ref())
            .filter(|transaction| !transaction.rules.free);
        let Some(first) = running.next() else {
            return self.signal(place, Signal::Rejected);
        };
        let only = running.next().is_none();
        let group = first.group.clone().filter(|_| only);
        self.ask(now, place, token, AuthorizePurpose::Stop, group);
    }

    /// Asks the plugins; the verdict comes back as an event, or the time runs out.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        evse: Option<EvseId>,
        token: IdToken,
        purpose: AuthorizePurpose,
        group: Option<String>,
    ) {
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.saturating_add(1);
        let seconds = self.settings.number(key::VERDICT_TIMEOUT_S);
        let deadline = now.after(Millis::from_secs(seconds.into()));
        self.pending.push(Pending {
            request,
            evse,
            token: token.clone(),
            purpose,
            deadline,
            rules: self.rules(),
            by_itself: false,
        });
        self.push(Action::Authorize {
            request,
            evse,
            token,
            purpose,
            group,
        });
    }

    pub(crate) fn handle_verdict(&mut self, now: Instant, request: RequestId, verdict: Verdict) {
        let position = self
            .pending
            .iter()
            .position(|pending| pending.request == request);
        let Some(pending) = position.map(|position| self.pending.swap_remove(position)) else {
            return;
        };
        let verdict = self.with_expiry(now, verdict);
        match pending.purpose {
            AuthorizePurpose::Start => self.conclude_start(now, pending, verdict),
            AuthorizePurpose::Stop => self.conclude_stop(now, pending, verdict),
            AuthorizePurpose::Recheck => {
                let transaction = self
                    .running_with(pending.evse, &pending.token)
                    .and_then(|id| self.evse(id))
                    .and_then(|evse| evse.transaction.as_ref())
                    .map(|transaction| transaction.id);
                if let Some(transaction) = transaction {
                    self.handle_opinion(now, transaction, verdict, true);
                }
            }
        }
    }

    /// An accepted token whose validity has ended is an expired one.
    fn with_expiry(&self, now: Instant, mut verdict: Verdict) -> Verdict {
        let wall = self.clock.moment(now).wall;
        let over = verdict
            .expires
            .zip(wall)
            .is_some_and(|(expires, wall)| expires <= wall);
        if verdict.decision == Decision::Accepted && over {
            verdict.decision = Decision::Expired;
        }
        verdict
    }

    fn conclude_start(&mut self, now: Instant, pending: Pending, verdict: Verdict) {
        let unverified = verdict.decision == Decision::NoOpinion
            && self.settings.flag(key::ALLOW_UNKNOWN_OFFLINE);
        let accepted = verdict.decision == Decision::Accepted || unverified;
        let possible = self.ids().into_iter().any(|id| {
            let here = pending.evse.is_none_or(|place| place == id);
            here && self.can_start(id) && self.admits(id, &pending.token, verdict.group.as_deref())
        });
        if accepted && possible {
            let authorization = Authorization {
                token: pending.token,
                group: verdict.group,
                limit: verdict.limit,
                offline: verdict.offline || unverified,
                unverified: verdict.offline || unverified,
                deadline: self.connection_deadline(now),
                rules: pending.rules,
                by_itself: pending.by_itself,
            };
            return self.place(pending.evse, authorization, !pending.by_itself);
        }
        if pending.by_itself {
            return;
        }
        // Whoever was refused gets the cable back.
        if let Some(evse) = pending.evse.and_then(|id| self.evse_mut(id)) {
            evse.released = evse.authorization.is_none() && evse.plugged();
        }
        self.signal(pending.evse, Signal::Rejected);
    }

    /// Puts an accepted token where its vehicle is, or will be.
    pub(crate) fn place(
        &mut self,
        place: Option<EvseId>,
        authorization: Authorization,
        somebody_hears: bool,
    ) {
        if somebody_hears {
            self.signal(place, Signal::Accepted);
        }
        let target = place.or_else(|| self.choose_evse(&authorization));
        match target.and_then(|id| self.evse_mut(id)) {
            Some(evse) => {
                evse.authorization = Some(authorization);
                evse.finishing = false;
                evse.released = false;
            }
            None => {
                self.floating = Some(authorization);
                self.choice_due = None;
            }
        }
    }

    /// The EVSE for a token without a place: where a vehicle waits, else the only free one.
    pub(crate) fn choose_evse(&self, authorization: &Authorization) -> Option<EvseId> {
        let (token, group) = (&authorization.token, authorization.group.as_deref());
        let mut free = self.evses.iter().filter(|evse| {
            let id = evse.config.id;
            self.can_start(id) && evse.authorization.is_none() && self.admits(id, token, group)
        });
        let waiting = free.clone().find(|evse| evse.waiting());
        let first = free.next();
        let only = first.filter(|_| free.next().is_none());
        waiting.or(only).map(|evse| evse.config.id)
    }

    /// A vehicle came to a free EVSE while a token waits for any.
    pub(crate) fn take_floating(&mut self, id: EvseId) {
        let fits = self.can_start(id)
            && self
                .evse(id)
                .is_some_and(|evse| evse.waiting() && evse.authorization.is_none());
        let admitted = self.floating.as_ref().is_some_and(|authorization| {
            self.admits(id, &authorization.token, authorization.group.as_deref())
        });
        if fits
            && admitted
            && let Some(authorization) = self.floating.take()
            && let Some(evse) = self.evse_mut(id)
        {
            evse.authorization = Some(authorization);
            evse.released = false;
        }
    }

    fn conclude_stop(&mut self, now: Instant, pending: Pending, verdict: Verdict) {
        let stops = |evse: &&Evse| {
            let here = pending.evse.is_none_or(|id| evse.config.id == id);
            let paid = evse.transaction.as_ref().filter(|t| !t.rules.free);
            let group = paid.and_then(|t| t.group.as_ref());
            here && group.is_some() && group == verdict.group.as_ref()
        };
        let found = self.evses.iter().find(stops).map(|evse| evse.config.id);
        match found.filter(|_| verdict.decision == Decision::Accepted) {
            Some(id) => self.stop_by_token(now, id, pending.token),
            None => self.signal(pending.evse, Signal::Rejected),
        }
    }

    /// The token may stop; whether that ends the transaction is the mode's business.
    fn stop_by_token(&mut self, now: Instant, id: EvseId, token: IdToken) {
        self.stop_by_person(now, id, StopReason::Local, Some(token));
        self.signal(Some(id), Signal::Accepted);
    }

    /// A token or a remote stop: ends the transaction, or in the mode where only unplugging ends it stops charging and
    /// releases the plug.
    pub(crate) fn stop_by_person(
        &mut self,
        now: Instant,
        id: EvseId,
        reason: StopReason,
        token: Option<IdToken>,
    ) {
        match self.stop_mode() {
            StopMode::Normal | StopMode::NormalModeD | StopMode::TokenOnly => {
                self.begin_end(now, id, reason, token);
            }
            StopMode::DisconnectOnly => {
                let Some(evse) = self.evse_mut(id) else {
                    return;
                };
                evse.released = true;
                if let Some(transaction) = &mut evse.transaction {
                    transaction.stopped_by_user = true;
                }
                self.persist_now = true;
            }
        }
    }

    /// The backend is back: asks again for what was accepted without anybody's opinion.
    pub(crate) fn recheck_unverified(&mut self, now: Instant) {
        for id in self.ids() {
            let asked = |pending: &Pending| {
                pending.purpose == AuthorizePurpose::Recheck && pending.evse == Some(id)
            };
            let unverified = self.evse(id).and_then(|evse| evse.transaction.as_ref());
            let Some(transaction) = unverified.filter(|transaction| transaction.unverified) else {
                continue;
            };
            let token = transaction.token.clone();
            if !self.pending.iter().any(asked) {
                self.ask(now, Some(id), token, AuthorizePurpose::Recheck, None);
            }
        }
    }

    /// Verdicts that did not come in time are no opinion.
    pub(crate) fn expire_verdicts(&mut self, now: Instant) {
        let due = |pending: &Pending| pending.deadline <= now;
        while let Some(request) = self.pending.iter().find(|p| due(p)).map(|p| p.request) {
            let verdict = Verdict {
                decision: Decision::NoOpinion,
                group: None,
                expires: None,
                limit: None,
                reason: None,
                offline: false,
                source: String::new(),
            };
            self.handle_verdict(now, request, verdict);
        }
    }

    /// Authorisations whose vehicle did not come in time.
    pub(crate) fn expire_authorizations(&mut self, now: Instant) {
        let over = |waiting: &mut Authorization| waiting.deadline <= now;
        for evse in &mut self.evses {
            if let Some(expired) = evse.authorization.take_if(over) {
                evse.released = evse.plugged();
                // It was accepted: it presents itself again.
                evse.presented &= !expired.by_itself;
            }
        }
        self.floating.take_if(over);
    }
}

/// The same token, however it came: a card may end what was started for it remotely. Letter case means nothing.
fn is_same(one: &IdToken, other: &IdToken) -> bool {
    one.value.eq_ignore_ascii_case(&other.value)
}
