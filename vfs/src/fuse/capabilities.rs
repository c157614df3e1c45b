//! What is asked of the kernel when a mount begins.

use super::Agreed;
use fuser::{InitFlags, KernelConfig};

/// The longest request: 256 pages, which is the most that an unconfigured kernel allows.
const LONGEST: u32 = 1 << 20;
/// Reads ahead that may wait at once.
const BACKGROUND: u16 = 64;

/// Settles it with the kernel. Whatever it does not have costs speed, nothing else.
pub(super) fn agree(config: &mut KernelConfig, passthrough: bool) -> Agreed {
    let offered = config.capabilities();
    let mut take = |flag: InitFlags| config.add_capabilities(flag).is_ok();
    // Several reads of one file, and several lookups in one directory, at a time; attributes with the names;
    // symlinks are kept; a listing is kept until the directory's time changes.
    for flag in [
        InitFlags::FUSE_ASYNC_READ,
        InitFlags::FUSE_ASYNC_DIO,
        InitFlags::FUSE_PARALLEL_DIROPS,
        InitFlags::FUSE_DO_READDIRPLUS,
        InitFlags::FUSE_CACHE_SYMLINKS,
        InitFlags::FUSE_AUTO_INVAL_DATA,
        InitFlags::FUSE_MAX_PAGES,
    ] {
        take(flag);
    }
    let passthrough = passthrough && take(InitFlags::FUSE_PASSTHROUGH);
    // One below: the objects' filesystem. So this mount can still be a layer of an overlay.
    let passthrough = passthrough && config.set_max_stack_depth(1).is_ok();
    // These say what is possible; which value would be, if not these, does not matter.
    let _ = config.set_max_write(LONGEST);
    let _ = config.set_max_background(BACKGROUND);
    Agreed {
        passthrough,
        // Files are handed to the kernel when they are opened, so it has to say when.
        no_open: !passthrough && offered.contains(InitFlags::FUSE_NO_OPEN_SUPPORT),
        no_opendir: offered.contains(InitFlags::FUSE_NO_OPENDIR_SUPPORT),
    }
}
