;; `toy FILE TEXT`: writes TEXT into FILE, below the build directory. What TEXT begins with says what else becomes of it:
;; `!` traps, `#` takes memory until there is none and then ends with exit code 2, `?` writes random numbers behind TEXT.
(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (table 64 funcref)
  (func $length (param $text i32) (result i32)
    (local $count i32)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $count)))))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $count))
  (func $write (param $text i32) (param $length i32)
    (i32.store (i32.const 64) (local.get $text))
    (i32.store (i32.const 68) (local.get $length))
    (drop (call $fd_write (i32.load (i32.const 8)) (i32.const 64) (i32.const 1) (i32.const 72))))
  (func (export "_start")
    (local $file i32) (local $text i32) (local $first i32)
    (drop (call $args_get (i32.const 1024) (i32.const 8192)))
    (local.set $file (i32.load (i32.const 1028)))
    (local.set $text (i32.load (i32.const 1032)))
    (local.set $first (i32.load8_u (local.get $text)))
    (if (i32.eq (local.get $first) (i32.const 33)) (then (unreachable)))
    (if (i32.eq (local.get $first) (i32.const 35))
      (then
        (loop $more
          (br_if $more (i32.ne (memory.grow (i32.const 1024)) (i32.const -1))))
        (call $proc_exit (i32.const 2))))
    ;; The first directory that is given to a build step is /build.
    (if (call $path_open (i32.const 3) (i32.const 0) (local.get $file) (call $length (local.get $file))
          (i32.const 9) (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0) (i32.const 8))
      (then (call $proc_exit (i32.const 4))))
    (call $write (local.get $text) (call $length (local.get $text)))
    (if (i32.eq (local.get $first) (i32.const 63))
      (then
        (drop (call $random_get (i32.const 256) (i32.const 32)))
        (call $write (i32.const 256) (i32.const 32))))))
