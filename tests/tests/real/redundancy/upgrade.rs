//! A node whose program is replaced as it runs.

use sekisho_tests::until;

use super::probe::Seen;
use super::site::{Site, VIP, VIP_V6, Watched};

#[test]
fn addresses_stay_where_they_are_over_upgrades_and_move_with_the_new_process() {
    let mut site = Site::new("upgrade", 2);
    for (node, priority) in site.nodes.iter_mut().zip([200, 100]) {
        node.serve();
        // Slow enough that no busy machine makes a node mistake its partner for silent.
        node.start(&format!(
            "priority = {priority}\nadvert-interval = '500ms'\ntrack = {{ pools = ['web'] }}"
        ));
    }
    site.is_served_by(1);
    let watched = [VIP, VIP_V6].map(|address| site.watch(address));
    for round in 1..=3 {
        site.nodes[0].upgrade();
        until("the new process serves", || {
            (site.nodes[0].log().matches(": Serving ").count() > round).then_some(())
        });
        // The new process hears from the one that speaks.
        site.nodes[0].shows("state", "active");
        site.nodes[0].shows("priority", 200);
        assert_eq!((site.owners(VIP), site.owners(VIP_V6)), (vec![1], vec![1]));
    }
    let seen = Watched::end_all(watched, "three upgrades");
    assert!(seen.iter().all(Seen::refused_nobody), "{seen:?}\n{}", site.nodes[0].log());
    let moved = |log: &str| log.matches("to=\"active\"").count();
    assert_eq!((moved(&site.nodes[0].log()), moved(&site.nodes[1].log())), (1, 0), "{}", site.nodes[0].log());

    // What speaks is tied to the process that serves now: its death moves the addresses.
    site.nodes[0].kill_gateway();
    site.is_served_by(2);
    until("the dead node has let go", || (site.owners(VIP) == [2]).then_some(()));
}
