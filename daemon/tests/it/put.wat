;; `put FILE TEXT...`: writes each TEXT and a line break into FILE, below the build directory. Without a FILE it
;; complains on standard error and ends with exit code 3.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 512) "put: no file\n")
  (data (i32.const 530) "\n")
  (func $length (param $text i32) (result i32)
    (local $count i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $count)))))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $count))
  (func $write (param $fd i32) (param $text i32) (param $length i32)
    (i32.store (i32.const 64) (local.get $text))
    (i32.store (i32.const 68) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 64) (i32.const 1) (i32.const 72))))
  (func (export "_start")
    (local $arg i32)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $args_get (i32.const 1024) (i32.const 8192)))
    (if (i32.lt_u (i32.load (i32.const 0)) (i32.const 2))
      (then
        (call $write (i32.const 2) (i32.const 512) (i32.const 13))
        (call $proc_exit (i32.const 3))))
    ;; The first directory that is given to a build step is /build.
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.load (i32.const 1028))
          (call $length (i32.load (i32.const 1028)))
          (i32.const 9) (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0) (i32.const 8))
      (then (call $proc_exit (i32.const 4))))
    (local.set $arg (i32.const 2))
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $arg) (i32.load (i32.const 0))))
        (call $write (i32.load (i32.const 8))
          (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $arg) (i32.const 4))))
          (call $length (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $arg) (i32.const 4))))))
        (call $write (i32.load (i32.const 8)) (i32.const 530) (i32.const 1))
        (local.set $arg (i32.add (local.get $arg) (i32.const 1)))
        (br $next)))))
