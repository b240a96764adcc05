//! Verdicts that the owner gives: the charge point's request waits for them.

use super::{Csms, CsmsEvent};
use crate::limits::CSMS_QUESTIONS_MAX;
use crate::rpc::MessageId;
use crate::v16::{IdTagInfo, IdToken, Request};
use units::Instant;

/// A request that waits for a verdict.
#[derive(Debug)]
pub(super) struct Question {
    number: u64,
    id: MessageId,
    request: Request,
    due: Instant,
}

/// No such question: it was answered, its time was over, or the connection went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchQuestion;

impl Csms {
    /// Gives the verdict on the idTag of a [`CsmsEvent::VerdictWanted`]. It holds for this request only; a verdict
    /// for later ones belongs into the table of the configuration.
    ///
    /// Errors: [`NoSuchQuestion`].
    pub fn give_verdict(
        &mut self,
        now: Instant,
        question: u64,
        verdict: IdTagInfo,
    ) -> Result<(), NoSuchQuestion> {
        let place = self
            .questions
            .iter()
            .position(|open| open.number == question);
        let open = place.and_then(|place| self.questions.remove(place));
        let open = open.ok_or(NoSuchQuestion)?;
        self.settle(now, open, Some(verdict));
        Ok(())
    }

    /// Keeps a request whose idTag the owner must be asked about; gives any other back.
    pub(super) fn ask_owner(
        &mut self,
        now: Instant,
        id: &MessageId,
        request: Request,
    ) -> Option<Request> {
        let (Some(within), Some(id_tag)) = (self.config.ask_owner, self.unknown_tag(&request))
        else {
            return Some(request);
        };
        if self.questions.len() >= CSMS_QUESTIONS_MAX {
            return Some(request);
        }
        let number = self.questions_asked;
        self.questions_asked = self.questions_asked.saturating_add(1);
        self.emit(CsmsEvent::VerdictWanted {
            question: number,
            id_tag,
            action: request.action(),
        });
        self.questions.push_back(Question {
            number,
            id: id.clone(),
            request,
            due: now.after(within),
        });
        None
    }

    /// The idTag a request needs a verdict on, if the table has none.
    fn unknown_tag(&self, request: &Request) -> Option<IdToken> {
        let id_tag = match request {
            Request::Authorize(request) => &request.id_tag,
            Request::StartTransaction(request) if self.book.before(request).is_none() => {
                &request.id_tag
            }
            _ => return None,
        };
        (!self.config.tokens.contains_key(id_tag)).then(|| id_tag.clone())
    }

    /// Answers questions whose time is over by the table.
    pub(super) fn settle_overdue(&mut self, now: Instant) {
        while let Some(open) = self.questions.pop_front_if(|open| open.due <= now) {
            self.settle(now, open, None);
        }
    }

    pub(super) fn question_due(&self) -> Option<Instant> {
        self.questions.iter().map(|open| open.due).min()
    }

    fn settle(&mut self, now: Instant, open: Question, verdict: Option<IdTagInfo>) {
        let action = open.request.action();
        let answer = self.answer(now, open.request, verdict);
        self.reply(&open.id, action.as_str(), answer);
    }
}
