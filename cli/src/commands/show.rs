//! `nuka show`: what is to be known of a package.

use crate::{
    commands::{Done, platform::PlatformArgument},
    context::Context,
    daemon::{PackageInfo, PackageRef, Target},
    exit::Exit,
    output::Format,
    report::{
        escape::escape,
        hashes, plan,
        style::{Role, Style},
        units,
    },
};

/// Show what a package is: its ids, sizes, sources and inputs
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The package
    package: Target,
    #[command(flatten)]
    platform: PlatformArgument,
    #[command(flatten)]
    format: Format,
}

/// Prints it.
pub fn run(context: &Context, arguments: &Arguments) -> Done {
    let target = &arguments.platform.of(&arguments.package);
    let info = context.local().show(target);
    let info = info.map_err(|error| hashes::name_recipe(error, std::slice::from_ref(target)))?;
    arguments.format.print(context, &info, |style| show(&info, style))?;
    Ok(Exit::Success)
}

fn show(info: &PackageInfo, style: Style) -> String {
    let mut shown = style.show(Role::Strong, &plan::name(&info.package)).to_string();
    if let Some(description) = &info.description {
        shown.push_str(&format!("  {}", escape(description)));
    }
    shown.push('\n');
    let mut fact = |name: &str, lines: &[String]| {
        for (at, line) in lines.iter().enumerate() {
            let name = format!("{:11}", if at == 0 { name } else { "" });
            shown.push_str(&format!("  {}{}\n", style.show(Role::Faint, &name), escape(line)));
        }
    };
    let one = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
    let joined = |texts: &[String]| if texts.is_empty() { Vec::new() } else { vec![texts.join(", ")] };
    let packages = |packages: &[PackageRef]| {
        joined(
            &packages
                .iter()
                .map(|package| format!("{} {}", package.name, package.version))
                .collect::<Vec<_>>(),
        )
    };
    let versions = joined(&info.versions);
    fact("homepage", &one(&info.homepage));
    fact("license", &one(&info.license));
    fact("purl", &one(&info.purl));
    fact("written in", &[format!("{}, for {}", info.language, info.target)]);
    fact("recipe", std::slice::from_ref(&info.recipe));
    // The only one is in the heading.
    fact("versions", if info.versions.len() > 1 { &versions } else { &[] });
    fact("programs", &joined(&info.programs));
    if !info.programs.is_empty() {
        fact("by default", std::slice::from_ref(&info.permissions));
    }
    fact("sources", &info.sources);
    fact("built with", &packages(&info.build_inputs));
    fact("needs", &packages(&info.needs));
    fact("PID", &[info.package.pid.to_string()]);
    let outputs = info.outputs.iter().map(|output| {
        let entries = units::count(output.entries, "entry", "entries");
        format!("{}  {}, {entries}, {}", output.cid, output.name, units::bytes(output.bytes))
    });
    let outputs: Vec<_> = outputs.collect();
    fact("CID", if outputs.is_empty() { &NOT_BUILT } else { &outputs });
    let here = info.outputs.iter().find(|output| output.name == "out").map(|output| output.cid);
    let published = match (info.published, here) {
        (None, _) => "nothing that could be compared with".to_owned(),
        (Some(published), None) => published.to_string(),
        (Some(published), Some(here)) if published == here => {
            "the same CID: these are the published bits".to_owned()
        }
        (Some(published), Some(_)) => format!("{published}  DIFFERENT from the one here"),
    };
    fact("published", &[published]);
    shown
}

static NOT_BUILT: std::sync::LazyLock<Vec<String>> =
    std::sync::LazyLock::new(|| vec!["not built here".to_owned()]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan::tests::package;
    use nuka_daemon::api::OutputInfo;
    use nuka_pir::Cid;

    fn info() -> PackageInfo {
        PackageInfo {
            package: package("lua", "5.4.8"),
            description: Some("A small language \u{1b}[2J".into()),
            homepage: Some("https://example.test/".into()),
            license: Some("MIT".into()),
            purl: None,
            language: "c".into(),
            target: "wasm32-wasip1".into(),
            versions: vec!["5.4.8".into(), "5.3.6".into()],
            recipe: "lua.nu".into(),
            programs: vec!["lua".into(), "luac".into()],
            permissions: "read the current directory".into(),
            sources: vec!["crate:lua-src@547.0.0".into(), "crate:other@1".into()],
            build_inputs: vec![package("clang", "22"), package("wasi-libc", "29")],
            needs: Vec::new(),
            outputs: Vec::new(),
            published: Some(Cid::from_bytes([1; 32])),
        }
    }

    #[test]
    fn a_package_that_is_not_built() {
        insta::assert_snapshot!(show(&info(), Style { colour: false }), @r"
        lua 5.4.8  A small language \u{1b}[2J
          homepage   https://example.test/
          license    MIT
          written in c, for wasm32-wasip1
          recipe     lua.nu
          versions   5.4.8, 5.3.6
          programs   lua, luac
          by default read the current directory
          sources    crate:lua-src@547.0.0
                     crate:other@1
          built with clang 22, wasi-libc 29
          PID        ambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydambq
          CID        not built here
          published  aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq
        ");
    }

    #[test]
    fn a_package_that_is_built() {
        let output = |name: &str, byte| OutputInfo {
            name: name.into(),
            cid: Cid::from_bytes([byte; 32]),
            bytes: 300_000,
            entries: 3,
        };
        let same = PackageInfo { outputs: vec![output("out", 1), output("dev", 2)], ..info() };
        let shown = show(&same, Style { colour: false });
        insta::assert_snapshot!(shown.lines().rev().take(3).collect::<Vec<_>>().join("\n"), @"
        published  the same CID: these are the published bits
                   aibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba  dev, 3 entries, 293 KiB
        CID        aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq  out, 3 entries, 293 KiB
        ");
        let other = PackageInfo { outputs: vec![output("out", 9)], ..info() };
        assert!(show(&other, Style { colour: false }).contains("DIFFERENT"));
    }
}
