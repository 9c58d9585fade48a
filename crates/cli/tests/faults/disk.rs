//! No room to write: the run fails and says why, and nothing has changed.

use std::process::{Command, Stdio};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::shop::{Shop, change, told};

/// Runs with files limited to so many kilobytes; the system refuses to let them grow further.
fn limited(shop: &Shop, kilobytes: u64) -> std::process::Output {
    let run = shop.command();
    let mut command = Command::new("bash");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"")]);
    command.arg(run.get_program()).args(run.get_args()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.output().expect("bash starts")
}

#[test]
fn a_full_disk_changes_nothing_and_is_named() {
    let shop = Shop::new();
    shop.run();
    let mut session = shop.open();
    change(session.as_mut(), &mut SmallRng::seed_from_u64(9), 0, true);
    // More new rows than the disk has room for.
    session
        .execute(
            "insert into orders select 1000000 + i, i % 50, timestamp '2024-01-05' + to_minutes((i % 1440)::integer), (hash(i) % 1000)::integer \
             from range(400000) as new(i)",
        )
        .expect("orders");
    drop(session);
    shop.remember();
    let size = std::fs::metadata(shop.path("shop.duckdb")).expect("the file").len() / 1024;
    let mut failed = 0;
    for room in [64, 512, 2048] {
        let output = limited(&shop, size + room);
        let new = shop.check(&format!("room for {room} kB"));
        if !output.status.success() {
            failed += 1;
            let text = told(&output);
            assert!(text.contains("HW0407") || text.contains("HW0408"), "{text}");
            assert!(new != [true, true], "{text}");
        }
    }
    assert!(failed > 0, "there was always room");
    shop.run();
    shop.check_new("with room");
}
