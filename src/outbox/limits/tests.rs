//! Tests the windows against a platform that counts each call at some moment between its beginning and its end.

use proptest::prelude::*;

use super::*;
use crate::domain::ids::{Conversation, MessageRef, Tenant};
use crate::domain::message::Message;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).expect("a time")
}

fn five_in_five() -> Vec<Cost> {
    vec![Cost::narrow("x".to_owned(), discord::POST_PER_CHANNEL)]
}

fn place(platform: PlatformName, channel: usize) -> Place {
    let tenant = Tenant { platform, id: "T".to_owned() };
    Place { tenant, at: Conversation::Channel { channel: format!("C{channel}") } }
}

fn post(platform: PlatformName, channel: usize) -> Vec<Cost> {
    let to = place(platform, channel);
    costs(platform, &Operation::Post { to, message: Message::default(), thread_title: None }, false)
}

fn update(platform: PlatformName, channel: usize) -> Vec<Cost> {
    let place = place(platform, channel);
    let message = MessageRef { tenant: place.tenant.clone(), channel: place.channel().to_owned(), id: "1".to_owned() };
    costs(platform, &Operation::Update { place, message, to: Message::default() }, false)
}

/// A call to be made.
#[derive(Clone, Debug)]
struct Wish {
    after_ms: i64,
    lane: Lane,
    channel: usize,
    updates: bool,
    latency_ms: i64,
    /// The moment between beginning and end at which the platform counts it, in hundredths.
    counted: i64,
}

/// A call that was made.
#[derive(Debug)]
struct Made {
    keys: Vec<Cost>,
    lane: Lane,
    waited_ms: i64,
    counted_ms: i64,
}

/// Makes the calls one after another (several may be under way), each as soon as the windows allow.
fn play(windows: &mut Windows, platform: PlatformName, wishes: &[Wish]) -> Vec<Made> {
    let mut now_ms = 1_000_000;
    let mut under_way: Vec<(i64, Vec<Cost>)> = Vec::new();
    let mut made = Vec::new();
    for wish in wishes {
        now_ms += wish.after_ms;
        let wanted_ms = now_ms;
        let costs = if wish.updates { update(platform, wish.channel) } else { post(platform, wish.channel) };
        loop {
            under_way.sort_by_key(|(end_ms, _)| *end_ms);
            while under_way.first().is_some_and(|(end_ms, _)| *end_ms <= now_ms) {
                let (end_ms, costs) = under_way.remove(0);
                windows.end(&costs, at(end_ms));
            }
            let free = windows.free_at(&costs, wish.lane, at(now_ms));
            if free <= at(now_ms) {
                break;
            }
            // Rounded up, since windows use fractions of a millisecond.
            let free_ms = free.as_millisecond() + 1;
            now_ms = under_way.first().map_or(free_ms, |(end_ms, _)| free_ms.min(*end_ms));
        }
        windows.begin(&costs, wish.lane, at(now_ms));
        let counted_ms = now_ms + wish.latency_ms * wish.counted / 100;
        made.push(Made { keys: costs.clone(), lane: wish.lane, waited_ms: now_ms - wanted_ms, counted_ms });
        under_way.push((now_ms + wish.latency_ms, costs));
    }
    made
}

/// Checks that the platform never sees more calls of a limit in one window than allowed, wherever the window begins.
fn check_windows(made: &[Made]) -> Result<(), TestCaseError> {
    let mut seen: HashMap<String, (Rate, Vec<i64>)> = HashMap::new();
    for call in made {
        for cost in &call.keys {
            seen.entry(cost.key.clone()).or_insert((cost.rate, Vec::new())).1.push(call.counted_ms);
        }
    }
    for (key, (rate, mut moments)) in seen {
        moments.sort_unstable();
        let per_ms = i64::try_from(rate.per.as_millis()).expect("short");
        for pair in moments.windows(rate.count as usize + 1) {
            let took_ms = pair[rate.count as usize] - pair[0];
            prop_assert!(took_ms >= per_ms, "{key}: {} calls in {took_ms} ms", rate.count + 1);
        }
    }
    Ok(())
}

fn wishes(channels: usize) -> impl Strategy<Value = Vec<Wish>> {
    let lane = prop_oneof![Just(Lane::Broadcast), Just(Lane::Answer), Just(Lane::Card)];
    let wish = (0..40_i64, lane, 0..channels, prop::bool::weighted(0.2), 0..900_i64, 0..=100_i64);
    let wish = wish.prop_map(|(after_ms, lane, channel, updates, latency_ms, counted)| Wish {
        after_ms,
        lane,
        channel,
        updates,
        latency_ms,
        counted,
    });
    prop::collection::vec(wish, 1..900)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_window_is_ever_exceeded_as_slack_counts(wishes in wishes(400)) {
        check_windows(&play(&mut Windows::default(), PlatformName::Slack, &wishes))?;
    }

    #[test]
    fn no_window_is_ever_exceeded_as_discord_counts(wishes in wishes(30)) {
        check_windows(&play(&mut Windows::default(), PlatformName::Discord, &wishes))?;
    }

    #[test]
    fn a_successor_exceeds_no_window_of_its_predecessors(wishes in wishes(60), cut in 0..900_usize) {
        for platform in PlatformName::ALL {
            let (before, after) = wishes.split_at(cut.min(wishes.len()));
            let mut made = play(&mut Windows::default(), platform, before);
            // The process dies with calls under way, which the platform counts up to their end.
            let end_ms = made.iter().map(|call| call.counted_ms).max().unwrap_or(1_000_000);
            let ago = |call: &Made| Duration::from_millis(u64::try_from(end_ms - call.counted_ms).unwrap_or_default());
            let spent: Vec<_> =
                made.iter().map(|call| (call.keys.iter().map(|cost| cost.key.clone()).collect(), ago(call))).collect();
            let mut windows = Windows::default();
            windows.seed(&spent, at(end_ms));
            let first = Wish { after_ms: end_ms - 1_000_000, ..after.first().cloned().unwrap_or(wishes[0].clone()) };
            let after: Vec<Wish> = std::iter::once(first).chain(after.iter().skip(1).cloned()).collect();
            made.extend(play(&mut windows, platform, &after));
            check_windows(&made)?;
        }
    }

    #[test]
    fn whoever_is_urgent_waits_for_one_place_and_not_for_a_window(
        asks in prop::collection::vec((0..300_usize, 0..400_i64), 1..12),
    ) {
        for (platform, one_place_ms) in [(PlatformName::Slack, 203), (PlatformName::Discord, 41)] {
            let wish = |lane, channel, latency_ms| {
                Wish { after_ms: 0, lane, channel, updates: false, latency_ms, counted: 50 }
            };
            let mut wishes: Vec<Wish> = (0..900).map(|channel| wish(Lane::Broadcast, channel, 10)).collect();
            for (number, (when, latency_ms)) in asks.iter().enumerate() {
                wishes.insert(300 + when, wish(Lane::Answer, 10_000 + number, *latency_ms));
            }
            let made = play(&mut Windows::default(), platform, &wishes);
            let longest = made.iter().filter(|call| call.lane == Lane::Answer).map(|call| call.waited_ms).max();
            // Asks may come at once and then take one place after another, while calls under way hold theirs.
            let most = one_place_ms * i64::try_from(asks.len()).expect("few") + 400;
            prop_assert!(longest < Some(most), "{platform}: {longest:?} ms, {} asks", asks.len());
            check_windows(&made)?;
        }
    }
}

fn broadcasts(platform: PlatformName, count: usize, updates: bool) -> Vec<Made> {
    let wish = |channel| Wish { after_ms: 0, lane: Lane::Broadcast, channel, updates, latency_ms: 0, counted: 0 };
    play(&mut Windows::default(), platform, &(0..count).map(wish).collect::<Vec<_>>())
}

#[test]
fn broadcasts_are_even_and_near_the_bound() {
    for platform in PlatformName::ALL {
        let made = broadcasts(platform, 3_000, false);
        let places: Vec<Place> = (0..3_000).map(|channel| place(platform, channel)).collect();
        let took_ms = made[2_999].counted_ms - made[0].counted_ms;
        let bound_ms = i64::try_from(bound(platform, &places).as_millis()).expect("short");
        assert!(took_ms >= bound_ms, "{platform}: {took_ms} ms is less than the bound");
        // Windows that are used evenly end a fraction of a window later than those used up at once.
        let one_more = if platform == PlatformName::Slack { 60_000 } else { 1_000 };
        assert!(took_ms < (bound_ms + one_more) * 103 / 100, "{platform}: {took_ms} ms for {bound_ms} ms");
        let gaps = made.windows(2).map(|pair| pair[1].counted_ms - pair[0].counted_ms);
        let (least, most) = (gaps.clone().min(), gaps.max());
        let even = if platform == PlatformName::Slack { 200..=205 } else { 19..=22 };
        assert!(even.contains(&least.expect("some")) && even.contains(&most.expect("some")), "{least:?} to {most:?}");
    }
}

#[test]
fn many_who_ask_slow_a_notice_down_and_do_not_stop_it() {
    for platform in PlatformName::ALL {
        let wish = |lane, channel| Wish { after_ms: 0, lane, channel, updates: false, latency_ms: 5, counted: 50 };
        let lanes = (0..1_200).map(|number| if number % 15 < 13 { Lane::Broadcast } else { Lane::Answer });
        let wishes: Vec<Wish> = lanes.enumerate().map(|(number, lane)| wish(lane, number)).collect();
        let made = play(&mut Windows::default(), platform, &wishes);
        let longest = |lane| made.iter().filter(|call| call.lane == lane).map(|call| call.waited_ms).max();
        assert!(longest(Lane::Answer) <= Some(210), "{platform}: {:?} ms", longest(Lane::Answer));
        assert!(longest(Lane::Broadcast) <= Some(1_000), "{platform}: {:?} ms", longest(Lane::Broadcast));
    }
}

#[test]
fn broadcasts_use_half_of_the_updates_and_tickets_the_other() {
    let made = broadcasts(PlatformName::Slack, 100, true);
    assert!((2_400..2_402).contains(&(made[1].counted_ms - made[0].counted_ms)));
    let mut windows = Windows::default();
    let mut now = at(0);
    for _ in 0..60 {
        let costs = update(PlatformName::Slack, 1);
        now = windows.free_at(&costs, Lane::Broadcast, now);
        windows.begin(&costs, Lane::Broadcast, now);
        windows.end(&costs, now);
    }
    let cards = (0..25).filter(|_| {
        let costs = update(PlatformName::Slack, 2);
        let is_free = windows.free_at(&costs, Lane::Card, now) == now;
        windows.begin(&costs, Lane::Card, now);
        windows.end(&costs, now);
        is_free
    });
    assert_eq!(cards.count(), 25);
}

/// As long as tickets use no more than their half, broadcasts go on as fast as without them.
#[test]
fn tickets_that_are_changed_do_not_slow_a_broadcast_down() {
    let wish = |lane, channel| Wish { after_ms: 0, lane, channel, updates: true, latency_ms: 0, counted: 0 };
    // Two broadcasts, then a card: some 12 cards a minute.
    let lanes = (0..300).map(|number| if number % 3 < 2 { Lane::Broadcast } else { Lane::Card });
    let wishes: Vec<Wish> = lanes.enumerate().map(|(number, lane)| wish(lane, number)).collect();
    let made = play(&mut Windows::default(), PlatformName::Slack, &wishes);
    let told: Vec<&Made> = made.iter().filter(|call| call.lane == Lane::Broadcast).collect();
    let took_ms = told[told.len() - 1].counted_ms - told[0].counted_ms;
    assert!(took_ms <= 2_402 * (told.len() as i64 - 1), "{took_ms} ms for {} broadcasts", told.len());
    check_windows(&made).expect("within the limits");
}

#[test]
fn what_was_held_up_is_made_up_for_but_never_in_a_burst() {
    let mut windows = Windows::default();
    let mut channel = 0;
    let mut burst = |now: Timestamp| {
        let before = channel;
        while windows.free_at(&post(PlatformName::Slack, channel), Lane::Broadcast, now) == now {
            let costs = post(PlatformName::Slack, channel);
            windows.begin(&costs, Lane::Broadcast, now);
            windows.end(&costs, now);
            channel += 1;
        }
        channel - before
    };
    assert_eq!(burst(at(0)), 1);
    assert_eq!(burst(at(410)), 2);
    assert_eq!(burst(at(30_000)), 5);
    assert_eq!(burst(at(30_100)), 0);
}

#[test]
fn a_call_that_is_not_made_leaves_its_place() {
    let mut windows = Windows::default();
    let costs = post(PlatformName::Slack, 1);
    windows.begin(&costs, Lane::Broadcast, at(0));
    assert!(windows.free_at(&costs, Lane::Broadcast, at(0)) > at(0));
    windows.undo(&costs, Lane::Broadcast);
    assert_eq!(windows.free_at(&costs, Lane::Broadcast, at(0)), at(0));
}

#[test]
fn a_call_that_is_two_needs_room_for_two() {
    let mut windows = Windows::default();
    let one = post(PlatformName::Discord, 1);
    for channel in 0..49 {
        let costs = post(PlatformName::Discord, channel);
        windows.begin(&costs, Lane::Answer, at(0));
        windows.end(&costs, at(0));
    }
    let to = place(PlatformName::Discord, 60);
    let operation = Operation::Post { to, message: Message::default(), thread_title: Some("IT-1".to_owned()) };
    let two = costs(PlatformName::Discord, &operation, false);
    assert_eq!(windows.free_at(&one, Lane::Answer, at(1)), at(1));
    assert_eq!(windows.free_at(&two, Lane::Answer, at(1)), at(1_000));
}

#[test]
fn a_call_under_way_counts_however_long_it_takes() {
    let post = vec![Cost::narrow("c".to_owned(), slack::POST_PER_CHANNEL)];
    let mut windows = Windows::default();
    windows.begin(&post, Lane::Answer, at(0));
    assert!(windows.free_at(&post, Lane::Answer, at(100_000)) > at(100_000));
    windows.end(&post, at(100_000));
    assert_eq!(windows.free_at(&post, Lane::Answer, at(100_001)), at(101_000));
}

#[test]
fn what_the_platform_says_is_obeyed() {
    let mut windows = Windows::default();
    windows.block(&five_in_five(), false, at(9_000));
    assert_eq!(windows.free_at(&five_in_five(), Lane::Answer, at(1)), at(9_000));
    let other = vec![Cost::narrow("y".to_owned(), discord::REQUESTS)];
    assert_eq!(windows.free_at(&other, Lane::Answer, at(1)), at(1));
    windows.block(&other, true, at(20_000));
    assert_eq!(windows.free_at(&five_in_five(), Lane::Answer, at(1)), at(20_000));
}

#[test]
fn only_limits_of_the_workspace_shut_out_other_channels() {
    let mut windows = Windows::default();
    let costs = post(PlatformName::Slack, 1);
    windows.begin(&costs, Lane::Answer, at(0));
    windows.end(&costs, at(0));
    assert_eq!(windows.free_at(&costs, Lane::Broadcast, at(300)), at(1_000));
    assert_eq!(windows.shared_free_at(&costs, Lane::Broadcast, at(300)), at(300));
    // More broadcasts than can catch up at once.
    (1..=5).for_each(|channel| windows.begin(&post(PlatformName::Slack, channel), Lane::Broadcast, at(1_000)));
    assert!(windows.shared_free_at(&costs, Lane::Broadcast, at(1_000)) > at(1_200));
    assert_eq!(windows.shared_free_at(&costs, Lane::Answer, at(1_000)), at(1_000));
}

#[test]
fn windows_that_have_passed_are_forgotten() {
    let mut windows = Windows::default();
    for channel in 0..5_000 {
        let now = at(i64::try_from(channel).expect("small") * 20);
        let costs = post(PlatformName::Discord, channel);
        windows.begin(&costs, Lane::Broadcast, now);
        windows.end(&costs, now);
    }
    assert!(windows.calls.len() <= SWEEP_AT_LEAST, "{}", windows.calls.len());
}

#[test]
fn a_clock_that_is_set_stalls_nobody() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let hour = SignedDuration::from_hours(1);
    for platform in PlatformName::ALL {
        for lane in [Lane::Answer, Lane::Card, Lane::Broadcast] {
            for by_ms in [-DAY_MS, -60_000, -2_000, 2_000, DAY_MS] {
                let mut windows = Windows::default();
                let mut now = at(10 * DAY_MS);
                // Calls follow each other as soon as the windows allow; halfway through, the clock is set.
                for call in 0..200 {
                    if call == 100 {
                        now = at(now.as_millisecond() + by_ms);
                    }
                    let (costs, wanted) = (post(platform, call % 7), now);
                    // A caller that waited asks again.
                    loop {
                        let free = windows.free_at(&costs, lane, now);
                        let waits = free.duration_since(wanted);
                        assert!(waits <= hour / 60, "{platform}, set by {by_ms} ms: {waits} at {call}");
                        if free <= now {
                            break;
                        }
                        now = free;
                    }
                    windows.begin(&costs, lane, now);
                    windows.end(&costs, now);
                }
                // A wait that the platform asked for is kept, but never longer than it asked.
                let costs = post(platform, 1);
                windows.block(&costs, true, now + hour);
                let set_back = at(now.as_millisecond() - DAY_MS);
                let waits = windows.free_at(&costs, lane, set_back).duration_since(set_back);
                assert!(waits <= hour, "{platform}: {waits} to wait for an hour that was asked for");
            }
        }
    }
}
