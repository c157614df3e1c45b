use proptest::prelude::*;
use wasmtime::wasmparser::{Operator, Parser, Payload};

use super::thread;

/// As Go's compiler writes a function: parts that are entered by a table, jumps to them through it.
const FUNCTION: &str = r#"(module (func (export "f") (param $part i32) (param $sum i32) (result i32)
    block $out
        loop $again
            block $2 block $1 block $0
                local.get $part
                br_table $0 $1 $2
            end
                local.get $sum i32.eqz
                if  i32.const 2  local.set $part  br $again  end
                i32.const 7  local.set $part  br $again
            end
                local.get $sum  i32.const 1  i32.sub  local.set $sum
                i32.const 0  local.set $part  br $again
            end
            local.get $sum  i32.const 10  i32.lt_u
            if  i32.const 1  local.set $part  br $again  end
            br $out
        end
    end
    local.get $sum))"#;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// The depths of the unconditional branches, in their order.
fn branches(bytes: &[u8]) -> Vec<u32> {
    let mut depths = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::CodeSectionEntry(body) = payload.unwrap() else { continue };
        for operator in body.get_operators_reader().unwrap() {
            if let Operator::Br { relative_depth } = operator.unwrap() {
                depths.push(relative_depth);
            }
        }
    }
    depths
}

fn run(bytes: &[u8], part: i32, sum: i32) -> i32 {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::new(&engine, bytes).unwrap();
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
    let function = instance.get_typed_func::<(i32, i32), i32>(&mut store, "f").unwrap();
    function.call(&mut store, (part, sum)).unwrap()
}

#[test]
fn jumps_forward_go_where_the_table_would_lead_them_and_jumps_back_stay() {
    let before = wasm(FUNCTION);
    assert_eq!(branches(&before), [3, 2, 1, 1, 1]);
    let after = thread(&before).unwrap();
    // The second is a number that the table does not have: its last place is where it leads.
    assert_eq!(branches(&after), [2, 1, 1, 1, 1]);
    for (part, sum) in [(0, 0), (0, 5), (1, 0), (2, 3), (9, 20)] {
        assert_eq!(run(&before, part, sum), run(&after, part, sum), "{part} {sum}");
    }
    assert_eq!(thread(&after), None, "there is no more to do");
}

#[test]
fn what_only_looks_like_such_a_jump_is_left_alone() {
    let same = |from: &str, to: &str| {
        assert!(FUNCTION.contains(from));
        let bytes = wasm(&FUNCTION.replace(from, to));
        let after = thread(&bytes).unwrap_or_else(|| bytes.clone());
        assert_eq!(branches(&after), branches(&bytes), "{to}");
    };
    // Another variable is set, or the table reads another.
    same("local.set $part", "local.set $sum");
    same("local.get $part", "local.get $sum");
    // Something is done between the loop's beginning and its table, or before the jump.
    same("local.get $part", "i32.const 1 local.set $sum local.get $part");
    same("br $again", "nop br $again");
    // Code whose places are told elsewhere in the module.
    let told = FUNCTION.replacen("(module", r#"(module (@custom "metadata.code.branch_hint" "\00")"#, 1);
    assert_eq!(thread(&wasm(&told)), None);
    assert_eq!(thread(&wasm("(module (func (export \"f\")))")), None);
    assert_eq!(thread(&wasm("(component)")), None);
    assert_eq!(thread(b"\0asm\x01\0\0\0\x0a\xff"), None);
}

/// Does something in a part.
#[derive(Debug, Clone)]
enum Deed {
    Add(i32),
    Jump(i32),
    /// In a block of its own, or a loop, a part of the time.
    JumpIf {
        bit: u8,
        to: i32,
        inside: &'static str,
    },
}

fn deed() -> impl Strategy<Value = Deed> {
    let inside = prop_oneof![Just("if"), Just("if block"), Just("if loop")];
    prop_oneof![
        3 => any::<i32>().prop_map(Deed::Add),
        1 => (-1..9).prop_map(Deed::Jump),
        4 => (0..4_u8, -1..9, inside).prop_map(|(bit, to, inside)| Deed::JumpIf { bit, to, inside }),
    ]
}

/// A function of these parts, with a table that leads anywhere. It ends after 100 parts.
fn program(parts: &[Vec<Deed>], table: &[usize]) -> String {
    let name = |at: &usize| {
        if *at % (parts.len() + 1) == parts.len() {
            "$out".into()
        } else {
            format!("${}", at % (parts.len() + 1))
        }
    };
    let mut text = String::from(
        "(module (func (export \"f\") (param $part i32) (param $sum i32) (result i32) (local $left i32)
        i32.const 100 local.set $left block $out loop $again\n",
    );
    for part in (0..parts.len()).rev() {
        text += &format!("block ${part} ");
    }
    let table: Vec<String> = table.iter().map(name).collect();
    text += &format!("local.get $part br_table {}\n", table.join(" "));
    for part in parts {
        text += "end local.get $left i32.eqz br_if $out local.get $left i32.const 1 i32.sub local.set $left
            local.get $sum i32.const 31 i32.mul local.set $sum\n";
        for deed in part {
            let jump = |to: &i32| format!("i32.const {to} local.set $part br $again");
            text += &match deed {
                Deed::Add(value) => format!("local.get $sum i32.const {value} i32.add local.set $sum\n"),
                Deed::Jump(to) => jump(to) + "\n",
                Deed::JumpIf { bit, to, inside } => {
                    let ends = "end ".repeat(inside.split(' ').count());
                    format!(
                        "local.get $sum i32.const {bit} i32.shr_u i32.const 1 i32.and {inside} {} {ends}\n",
                        jump(to)
                    )
                }
            };
        }
    }
    text + "end end local.get $sum))"
}

proptest! {
    #[test]
    fn what_is_computed_stays_the_same(
        parts in prop::collection::vec(prop::collection::vec(deed(), 0..6), 1..8),
        table in prop::collection::vec(0..8_usize, 1..9),
        sum in any::<i32>(),
    ) {
        let before = wasm(&program(&parts, &table));
        if let Some(after) = thread(&before) {
            for part in -1..8 {
                prop_assert_eq!(run(&before, part, sum), run(&after, part, sum));
            }
        }
    }

    #[test]
    fn damaged_modules_are_no_harm(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = wasm(FUNCTION);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(after) = thread(&bytes) {
            let valid = |bytes: &[u8]| wasmtime::Module::validate(&wasmtime::Engine::default(), bytes).is_ok();
            prop_assert_eq!(valid(&bytes), valid(&after));
        }
    }
}
