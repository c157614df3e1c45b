//! Modules that make a list of system calls and tell what each gave.

use std::fmt::Write as _;

use nuka_seed_runtime::{
    Engine, Exit, Mount, Outcome, Process, Tier,
    process::Access,
    tree::{GuestPath, Tree},
};

/// Calls and the types of their arguments: `i` for 32 bits, `I` for 64.
const CALLS: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// Where results are kept in the module's memory, and where strings begin.
const RESULTS: usize = 0x8000;
const STRINGS: usize = 0x4000;

/// A list of calls. Addresses below 0x4000 are the test's own; that part is given back in [`Ran::memory`].
#[derive(Default)]
pub struct Script {
    calls: Vec<(String, Vec<i64>)>,
    strings: Vec<u8>,
}

/// What a script gave.
pub struct Ran {
    /// Error numbers in the order of the calls.
    pub errnos: Vec<u32>,
    /// The first 0x4000 bytes of the memory at the end.
    pub memory: Vec<u8>,
    pub outcome: Outcome,
}

impl Ran {
    pub fn u32(&self, address: usize) -> u32 {
        u32::from_le_bytes(self.memory[address..address + 4].try_into().unwrap())
    }

    pub fn u64(&self, address: usize) -> u64 {
        u64::from_le_bytes(self.memory[address..address + 8].try_into().unwrap())
    }
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn call(&mut self, name: &str, args: &[i64]) -> &mut Self {
        self.calls.push((name.to_owned(), args.to_vec()));
        self
    }

    /// Puts text into the module's memory; gives its address and length.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> (i64, i64) {
        let at = STRINGS + self.strings.len();
        self.strings.extend_from_slice(text.as_ref());
        (at as i64, text.as_ref().len() as i64)
    }

    /// A list of one buffer.
    pub fn buffer(&mut self, address: i64, length: i64) -> i64 {
        let entry = [(address as u32).to_le_bytes(), (length as u32).to_le_bytes()].concat();
        while !self.strings.len().is_multiple_of(4) {
            self.strings.push(0);
        }
        self.text(entry).0
    }

    /// `path_open` relative to descriptor 3, following symlinks. The new descriptor is written to `out`.
    pub fn open(&mut self, fd: i64, path: &str, oflags: i64, rights: i64, out: i64) -> &mut Self {
        let (at, length) = self.text(path);
        self.call("path_open", &[fd, 1, at, length, oflags, rights, rights, 0, out])
    }

    /// The module as text.
    pub fn wat(&self) -> String {
        let mut wat = String::from("(module\n");
        for (name, types) in CALLS {
            let types: String = types.chars().map(|t| if t == 'i' { " i32" } else { " i64" }).collect();
            writeln!(
                wat,
                "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{types}) (result i32)))"
            )
            .unwrap();
        }
        writeln!(wat, "(memory (export \"memory\") 2)").unwrap();
        let escaped: String = self.strings.iter().map(|b| format!("\\{b:02x}")).collect();
        writeln!(wat, "(data (i32.const {STRINGS}) \"{escaped}\")\n(func (export \"_start\")").unwrap();
        for (index, (name, args)) in self.calls.iter().enumerate() {
            let types = CALLS.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no call {name}")).1;
            assert_eq!(types.len(), args.len(), "{name}");
            let args: String = types
                .chars()
                .zip(args)
                .map(|(t, value)| match t {
                    'i' => format!(" (i32.const {})", *value as i32),
                    _ => format!(" (i64.const {value})"),
                })
                .collect();
            let result = RESULTS + 8 + index * 4;
            writeln!(wat, "(i32.store (i32.const {result}) (call ${name}{args}))").unwrap();
        }
        let length = self.calls.len() * 4;
        // The test's part of the memory, then the results. The list of buffers is put together last.
        for (at, value) in [(0xc000, 0), (0xc004, STRINGS), (0xc008, RESULTS + 8), (0xc00c, length)] {
            writeln!(wat, "(i32.store (i32.const {at}) (i32.const {value}))").unwrap();
        }
        writeln!(
            wat,
            "(drop (call $fd_write (i32.const 1) (i32.const 0xc000) (i32.const 2) (i32.const 0xc100)))))"
        )
        .unwrap();
        wat
    }

    /// Runs the script in `process`.
    pub fn run(&self, process: Process) -> Ran {
        let module = super::engine().compile(&wat::parse_str(self.wat()).unwrap(), Tier::Quick).unwrap();
        let outcome = super::engine().run(&module, process, None).unwrap();
        assert_eq!(outcome.exit, Exit::Code(0));
        assert!(outcome.stdout.len() >= STRINGS, "the script wrote to its own output");
        let tail = outcome.stdout.len() - self.calls.len() * 4;
        let errnos =
            outcome.stdout[tail..].chunks(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
        Ran { errnos, memory: outcome.stdout[tail - STRINGS..tail].to_vec(), outcome }
    }
}

/// A process with `tree` at `/w`, writable, as its working directory: descriptor 3 is `/w`, 4 is `.`.
pub fn over(tree: Tree) -> Process {
    let path = GuestPath::new("/w").unwrap();
    Process {
        mounts: vec![Mount { path: path.clone(), tree, access: Access::ReadWrite }],
        cwd: Some(path),
        ..Process::default()
    }
}

#[allow(dead_code, reason = "the type is named so that its being shared between threads is checked")]
fn shared() -> impl Send + Sync {
    Engine::new().unwrap()
}
