//! What came out of a build, held against what was published.

use crate::daemon::{How, Outcome};
use crate::report::{
    plan,
    style::{Role, Style},
    units,
};
use nuka_pir::Cid;

/// How a result compares with what was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// The same bits.
    Identical,
    /// Other bits.
    Different,
    /// Nothing was published.
    None,
}

impl Published {
    /// Compares.
    pub fn compare(outcome: &Outcome, published: Option<Cid>) -> Self {
        match (out(outcome), published) {
            (Some(here), Some(there)) if here == there => Self::Identical,
            (_, Some(_)) => Self::Different,
            (_, None) => Self::None,
        }
    }

    /// In one word, with its look.
    pub fn cell(self) -> (&'static str, Option<Role>) {
        match self {
            Self::Identical => ("identical", Some(Role::Good)),
            Self::Different => ("DIFFERENT", Some(Role::Bad)),
            Self::None => ("-", None),
        }
    }
}

/// How a package came to be there, in one word.
pub fn how(how: How) -> &'static str {
    match how {
        How::Present => "present",
        How::Built => "built",
        How::Unchanged => "unchanged",
    }
}

/// The tree of the output that every package has.
pub fn out(outcome: &Outcome) -> Option<Cid> {
    outcome.outputs.iter().find(|(name, _)| name == "out").map(|(_, cid)| *cid)
}

/// The lines that end the making of one package: its CID, and whether that is the published one.
pub fn show(outcome: &Outcome, published: Option<Cid>, seconds: Option<f64>, style: Style) -> String {
    let name = plan::name(&outcome.package);
    let took = seconds.map(|seconds| format!(", after {}", units::seconds(seconds))).unwrap_or_default();
    let cid = out(outcome).map_or_else(|| "none: it has no output `out`".to_owned(), |cid| cid.to_string());
    let head = format!("{name} is ready{took}\nCID {cid}\n");
    match (Published::compare(outcome, published), published) {
        (Published::Different, Some(expected)) => head + &difference(outcome, expected, style),
        (Published::Identical, _) => {
            let text = "identical to the published CID: this machine made the same bits";
            format!("{head}{}", style.show(Role::Good, text))
        }
        _ => format!("{head}no CID is published for it, so there is nothing to compare with"),
    }
}

/// What is to be said when a result is not the published one.
pub fn difference(outcome: &Outcome, expected: Cid, style: Style) -> String {
    let name = plan::name(&outcome.package);
    let got = out(outcome).map_or_else(|| "nothing".to_owned(), |cid| cid.to_string());
    let title = format!("DIFFERENT: {name} is not what was published");
    format!(
        "{}\n  expected {expected}\n  got      {got}\n\
         Either its recipe, or one that it uses, was changed here; or its build does not always give the same.\n\
         To look: `nuka build --rebuild {}` builds it again and names each file that differs.",
        style.show(Role::Bad, &title),
        crate::report::escape::escape(&outcome.package.name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;
    use nuka_pir::BuildId;

    fn outcome() -> Outcome {
        Outcome {
            package: package("lua", "5.4.8"),
            how: How::Built,
            build: BuildId::from_bytes([7; 32]),
            outputs: vec![("out".into(), Cid::from_bytes([1; 32]))],
            seconds: 9.0,
            check: None,
            differences: None,
        }
    }

    #[test]
    fn the_end_of_the_first_build() {
        let style = Style { colour: false };
        insta::assert_snapshot!(show(&outcome(), Some(Cid::from_bytes([1; 32])), Some(71.0), style), @"
        lua 5.4.8 is ready, after 1 min 11 s
        CID aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq
        identical to the published CID: this machine made the same bits
        ");
        insta::assert_snapshot!(show(&outcome(), Some(Cid::from_bytes([2; 32])), None, style), @"
        lua 5.4.8 is ready
        CID aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq
        DIFFERENT: lua 5.4.8 is not what was published
          expected aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba
          got      aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq
        Either its recipe, or one that it uses, was changed here; or its build does not always give the same.
        To look: `nuka build --rebuild lua` builds it again and names each file that differs.
        ");
        insta::assert_snapshot!(show(&outcome(), None, Some(3.0), style), @"
        lua 5.4.8 is ready, after 3.0 s
        CID aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq
        no CID is published for it, so there is nothing to compare with
        ");
    }
}
