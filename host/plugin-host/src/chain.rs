//! The authorizer chain: who is asked in which order, and which answer counts.

use station::{Decision, Verdict};

use crate::convert::no_opinion;

/// What one member of the chain did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opinion {
    /// It answered.
    Given(Verdict),
    /// It has nothing to say, missed its deadline, died or is in quarantine.
    None,
    /// It was asked and has not answered yet.
    Pending,
}

/// What the chain says so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainState {
    /// This verdict counts.
    Decided(Verdict),
    /// The member with this number must answer first.
    Waiting(usize),
}

/// The verdict of a chain: the first decisive one in the pack's order.
///
/// `opinions` are in the order of the policy pack. A later member counts only when every earlier one has passed. When
/// all have passed the verdict is no opinion, which never accepts. An accept always is some member's own.
#[must_use]
pub fn decide(opinions: &[Opinion]) -> ChainState {
    for (place, opinion) in opinions.iter().enumerate() {
        match opinion {
            Opinion::Pending => return ChainState::Waiting(place),
            Opinion::None => {}
            Opinion::Given(verdict) => match verdict.decision {
                Decision::NoOpinion => {}
                Decision::Accepted
                | Decision::Blocked
                | Decision::Expired
                | Decision::Invalid
                | Decision::Concurrent => return ChainState::Decided(verdict.clone()),
            },
        }
    }
    ChainState::Decided(no_opinion())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(decision: Decision, source: &str) -> Verdict {
        Verdict {
            decision,
            source: source.to_owned(),
            ..no_opinion()
        }
    }

    fn given(decision: Decision, source: &str) -> Opinion {
        Opinion::Given(verdict(decision, source))
    }

    #[test]
    fn first_decisive_verdict_in_the_packs_order_counts() {
        let chain = [
            given(Decision::NoOpinion, "a"),
            Opinion::None,
            given(Decision::Blocked, "c"),
            given(Decision::Accepted, "d"),
        ];
        assert_eq!(
            decide(&chain),
            ChainState::Decided(verdict(Decision::Blocked, "c"))
        );
    }

    #[test]
    fn later_accept_waits_for_an_earlier_member() {
        let chain = [Opinion::Pending, given(Decision::Accepted, "b")];
        assert_eq!(decide(&chain), ChainState::Waiting(0));
        let chain = [
            Opinion::None,
            given(Decision::Accepted, "b"),
            Opinion::Pending,
        ];
        assert_eq!(
            decide(&chain),
            ChainState::Decided(verdict(Decision::Accepted, "b"))
        );
    }

    #[test]
    fn chain_of_dead_members_has_no_opinion() {
        for chain in [vec![], vec![Opinion::None; 3]] {
            let ChainState::Decided(verdict) = decide(&chain) else {
                panic!("nobody is awaited");
            };
            assert_eq!(verdict.decision, Decision::NoOpinion);
        }
    }

    fn opinions() -> impl Strategy<Value = Vec<Opinion>> {
        let decision = prop::sample::select(vec![
            Decision::Accepted,
            Decision::Blocked,
            Decision::Expired,
            Decision::Invalid,
            Decision::Concurrent,
            Decision::NoOpinion,
        ]);
        let opinion = prop_oneof![
            Just(Opinion::None),
            Just(Opinion::Pending),
            (decision, "[a-d]").prop_map(|(d, source)| given(d, &source)),
        ];
        prop::collection::vec(opinion, 0..8)
    }

    proptest! {
        #[test]
        fn no_accept_that_no_member_gave(opinions in opinions()) {
            if let ChainState::Decided(verdict) = decide(&opinions)
                && verdict.decision != Decision::NoOpinion
            {
                prop_assert!(opinions.contains(&Opinion::Given(verdict)));
            }
        }

        #[test]
        fn losing_a_member_never_turns_silence_into_an_accept(opinions in opinions(), lost in 0_usize..8) {
            let all_silent = !opinions.iter().any(|o| matches!(o, Opinion::Given(v) if v.decision == Decision::Accepted));
            let mut fewer = opinions;
            if let Some(member) = fewer.get_mut(lost) {
                *member = Opinion::None;
            }
            if let ChainState::Decided(verdict) = decide(&fewer) {
                prop_assert!(!(all_silent && verdict.decision == Decision::Accepted));
            }
        }
    }
}
