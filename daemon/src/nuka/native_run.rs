//! Running native programs of packages: in a root of their own, with what their recipe declares and the person grants, and
//! nothing else of the machine.

use super::{ComposedView, Nuka, Prepared};
use crate::{
    api::Grants,
    error::{Error, NoNativeRun},
};
use nuka_pir::Platform;
use nuka_seed_runtime::process::Access;
use nuka_vfs::sandbox::{Bind, Namespaces, Root, Sandbox, Streams};
use std::{ffi::OsString, path::Path};

/// Where a program is that is not let in anywhere, and what it takes for its home: empty, and gone with it.
const NOWHERE: &str = "/tmp";

impl Nuka {
    /// Runs a native program until it ends, in the view that was composed of its package, and gives its exit code as a
    /// shell tells it.
    pub fn run_native(
        &self,
        prepared: &Prepared,
        view: ComposedView,
        args: &[OsString],
        grants: &Grants,
    ) -> Result<u8, Error> {
        let no = |why| Error::NoNativeRun { program: prepared.program.clone(), why };
        if Platform::of_this_machine() != Some(prepared.platform) {
            return Err(no(NoNativeRun::OtherMachine { platform: prepared.platform }));
        }
        if view.means.is_none() {
            return Err(no(NoNativeRun::NoRoot));
        }
        let mut env = self.shown_env(prepared, grants);
        for (name, value) in [("PATH", "/usr/bin"), ("HOME", NOWHERE)] {
            env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        let mut binds = Vec::new();
        let mut bind = |host: &Path, guest: &Path, write: bool| -> Result<(), Error> {
            let failed = |source| Error::File { action: "letting in", path: host.to_owned(), source };
            let opened = fs_err::File::open(host).map_err(failed)?.into_parts().0;
            binds.push(Bind::new(opened.into(), guest, write)?);
            Ok(())
        };
        let mut cwd = NOWHERE.into();
        if let Some((here, access)) = self.shown_here(prepared.permissions.directory, grants) {
            bind(&here, &here, access == Access::ReadWrite)?;
            cwd = here;
        }
        for granted in &grants.directories {
            // The current directory is there already, if it was named.
            if Path::new(&granted.guest) != cwd {
                bind(&granted.host, Path::new(&granted.guest), granted.write)?;
            }
        }
        let mut argv = vec![OsString::from(format!("/{}", prepared.path))];
        argv.extend(prepared.details.args.iter().map(OsString::from));
        argv.extend_from_slice(args);
        let sandbox = Sandbox {
            root: Root::Pure { view: view.composed, files: Vec::new() },
            binds,
            namespaces: Namespaces::own(!(prepared.permissions.network || grants.network)),
            privileged: false,
            argv,
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            cwd,
        };
        let waited =
            |source| Error::File { action: "waiting for", path: prepared.path.clone().into(), source };
        let status = sandbox.spawn(Streams::default())?.wait().map_err(waited)?;
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        let code = status.code().or(signal.map(|signal| 128 + signal));
        Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}
