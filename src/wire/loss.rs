//! Chance losses: independent ones, and Gilbert-Elliott's bursts.

use super::dice::{Dice, Purpose};
use super::spec::Loss;
use crate::model::Rule;

/// What the loss model of one direction remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct LossState {
    /// The Gilbert-Elliott chain is in its bad state.
    bad: bool,
}

impl LossState {
    /// Whether frame `index` is lost, and by which rule. Called once for every frame of the direction,
    /// whatever else becomes of it: the chain steps here.
    pub(super) fn decide(&mut self, loss: &Loss, dice: &mut Dice, index: u64) -> Option<Rule> {
        match loss {
            Loss::None => None,
            Loss::Random(p) => {
                let p = p.fraction();
                dice.happens(Purpose::Loss, index, p).then_some(Rule::Random(p))
            }
            Loss::Gemodel(model) => {
                // Linux (net/sched/sch_netem.c, loss_gilb_ell) looks at the state, steps, and then
                // draws with the chance of the state that it looked at.
                let bad = self.bad;
                let (leave, lose) =
                    if bad { (model.r, model.loss_in_bad) } else { (model.p, model.loss_in_good) };
                if dice.happens(Purpose::Chain, index, leave.fraction()) {
                    self.bad = !bad;
                }
                dice.happens(Purpose::Loss, index, lose.fraction()).then_some(Rule::GilbertElliott { bad })
            }
        }
    }
}
