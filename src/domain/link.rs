//! Links to messages, as people copy them on their platform.

use super::ids::{MessageRef, PlatformName, Tenant};

/// Returns the message that a link leads to. Slack's links do not name their workspace, so they are read as links of
/// `tenant`, where the link was pasted. Discord's links name their guild.
#[must_use]
pub fn linked(link: &str, tenant: &Tenant) -> Option<MessageRef> {
    // Slack puts a link into angle brackets, with a label after a bar.
    let link = link.trim().trim_start_matches('<').trim_end_matches('>');
    let link = link.split(['|', '?', '#']).next()?.trim_end_matches('/');
    let (host, path) = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"))?.split_once('/')?;
    let is_id = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["archives", channel, stamp] if tenant.platform == PlatformName::Slack && is_id(channel) => {
            let digits = stamp.strip_prefix('p').filter(|digits| digits.len() > MICROS)?;
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let (seconds, micros) = digits.split_at(digits.len() - MICROS);
            let (channel, id) = ((*channel).to_owned(), format!("{seconds}.{micros}"));
            Some(MessageRef { tenant: tenant.clone(), channel, id })
        }
        ["channels", guild, channel, id]
            if host.ends_with("discord.com") && [*guild, channel, id].into_iter().all(is_id) =>
        {
            let tenant = Tenant { platform: PlatformName::Discord, id: (*guild).to_owned() };
            Some(MessageRef { tenant, channel: (*channel).to_owned(), id: (*id).to_owned() })
        }
        _ => None,
    }
}

/// The number of digits of the microseconds in Slack's `ts`.
const MICROS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_messages() {
        let tenant = Tenant { platform: PlatformName::Slack, id: "T1".to_owned() };
        let read = |link: &str| linked(link, &tenant).map(|message| message.to_string());
        let slack = Some("slack:T1:C012:1610241741.000200".to_owned());
        assert_eq!(read("https://acme.slack.com/archives/C012/p1610241741000200"), slack);
        assert_eq!(read("<https://acme.slack.com/archives/C012/p1610241741000200?thread_ts=1.2&cid=C012|here>"), slack);
        assert_eq!(read("https://discord.com/channels/7/8/9"), Some("discord:7:8:9".to_owned()));
        assert_eq!(read("https://ptb.discord.com/channels/7/8/9/"), Some("discord:7:8:9".to_owned()));
        for none in [
            "",
            "hello",
            "https://acme.slack.com/archives/C012",
            "https://acme.slack.com/archives/C012/p12",
            "https://discord.com/channels/7/8",
            "https://evil.example/channels/7/8/9",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
