//! Reads the data that an act needs besides its subject.

use crate::desk::acts::ActReads;
use crate::desk::conversation::state::Record;
use crate::desk::hear::{Desk, by_tag};
use crate::desk::knowledge::state::{Article, Listed, Overview, Suggestion};
use crate::desk::meant::Meaning;
use crate::desk::on_call::state::OnCall;
use crate::desk::outages::state::Outage;
use crate::desk::tickets::record::Which;
use crate::desk::tickets::state::Ticket;
use crate::desk::{articles, conversation, guard, knowledge, on_call, outages, services, tickets};
use crate::domain::audit::AuditEntry;
use crate::domain::channel::Channel;
use crate::domain::event::DedupeKey;
use crate::domain::ids::{
    ArticleId, ArticleKey, Conversation, MessageRef, OutageId, OutageKey, PersonRef, PingId, Place,
};
use crate::domain::link::linked;
use crate::domain::rules::GuardMode;
use crate::store::{StoreError, Tx, audit};

/// How many messages, and how many audit entries, of a ticket's story are shown.
const STORY: u32 = 50;
/// How many open requests of a person are listed.
const LISTED: u32 = 20;

/// The data that an act needs besides its subject, as declared by its [`ActReads`].
#[derive(Clone, Debug)]
pub(in crate::desk) enum ActData {
    Nothing,
    /// The ticket's messages and audit entries.
    Story(Vec<Record>, Vec<AuditEntry>),
    /// Open tickets of one person.
    Requests(Vec<Ticket>),
    /// The ticket that was chosen from a menu. `None`: there is no such ticket.
    Chosen(Option<Box<Ticket>>),
    /// An article, and the suggestion on the ticket.
    Article(Option<Box<Article>>, Option<Box<Suggestion>>),
    /// An article with the counts of its marks and its latest complaints.
    Overview(Option<Box<Overview>>),
    /// The articles in the chosen lists.
    Articles(Vec<Listed>),
    /// The number and key for a new article.
    NextArticle(ArticleId, ArticleKey),
    /// An outage, with the places where it was announced.
    Outage(Option<Box<outages::state::OutageWithLedger>>),
    /// Running outages: announced and not over.
    Outages(Vec<Outage>),
    /// The channel in which the act is done. `Some(None)`: the platform has listed the channels that the bot can write
    /// into, and this channel is not among them. `None`: nothing is known of the channel.
    Channel(Option<Option<Channel>>),
    /// The number and key for a new outage, and its audience.
    NextOutage(OutageId, OutageKey, Box<outages::state::Audience>),
    /// A ping of staff, and the people on call.
    Ping(Option<Box<guard::state::Ping>>, Vec<OnCall>),
    /// The guard's setting in the channel in which the act is done.
    Guard(Box<guard::state::ChannelGuard>),
    /// The people on call.
    OnCall(Vec<OnCall>),
    /// The pings of staff of the last days with their rulings and ends. The guard mode is that of the channel in which
    /// the act is done; `None` in a direct conversation and in a channel of the desk.
    Pings(Vec<guard::record::ReportedPing>, Option<GuardMode>),
    /// The record of a message that was joined to the ticket, and whether the thread under the message belongs to a
    /// ticket by now.
    Joined(Option<Box<Record>>, bool),
}

/// Reads the data that an act declares.
pub(in crate::desk) async fn read(
    tx: &mut dyn Tx,
    desk: &Desk,
    meaning: &Meaning,
    on: Option<&Ticket>,
    (who, place): (&PersonRef, Option<&Place>),
) -> Result<ActData, StoreError> {
    match (meaning.act.reads, on) {
        (ActReads::Nothing, _) => Ok(ActData::Nothing),
        (ActReads::Here, _) => Ok(ActData::Channel(services::record::here(tx, place).await?)),
        (ActReads::Requests, _) => {
            let of = meaning.person().map_or(who, |person| &person.who);
            let open = tickets::record::open_of(tx, &desk.roster.accounts(of), Which::All, LISTED).await?;
            Ok(ActData::Requests(open))
        }
        (ActReads::Chosen(ticket), _) => match meaning.args.text(ticket).parse() {
            Ok(tag) => Ok(ActData::Chosen(by_tag(tx, &tag, desk.now).await?.map(Box::new))),
            Err(_) => Ok(ActData::Chosen(None)),
        },
        (ActReads::Article(param), on) => {
            let article = match meaning.args.key(param) {
                Some(article) => knowledge::record::by_key(tx, &article.key).await?.map(|kept| Box::new(kept.article)),
                None => None,
            };
            let suggestion = match on {
                Some(ticket) => knowledge::record::suggestion(tx, ticket.id).await?.map(Box::new),
                None => None,
            };
            Ok(ActData::Article(article, suggestion))
        }
        (ActReads::Overview(param), _) => Ok(ActData::Overview(match meaning.args.key(param) {
            Some(article) => {
                knowledge::record::overview(tx, &article.key, articles::decide::COMPLAINTS).await?.map(Box::new)
            }
            None => None,
        })),
        (ActReads::Articles(param), _) => {
            let mut found = Vec::new();
            for listing in articles::decide::listings(meaning.args.text(param)) {
                let (several, limit) = (articles::decide::UNHELPFUL_FROM, articles::decide::LISTED);
                found.extend(knowledge::record::listed(tx, *listing, desk.now, several, limit).await?);
            }
            Ok(ActData::Articles(found))
        }
        (ActReads::NextArticle, _) => {
            let (id, key) = knowledge::record::next(tx, &desk.rules.knowledge.key_prefix).await?;
            Ok(ActData::NextArticle(id, key))
        }
        (ActReads::Outage(param), _) => Ok(ActData::Outage(match meaning.args.key(param) {
            Some(outage) => outages::record::seen(tx, &outage.key).await?.map(Box::new),
            None => None,
        })),
        (ActReads::Outages, _) => Ok(ActData::Outages(outages::record::running(tx, outages::decide::LISTED).await?)),
        (ActReads::NextOutage { services, also }, _) => {
            let words = |param| meaning.args.text(param);
            let (id, key, audience) = outages::record::drafting(tx, &desk.rules, words(services), words(also)).await?;
            Ok(ActData::NextOutage(id, key, Box::new(audience)))
        }
        (ActReads::Ping(param), _) => {
            let ping = match PingId::stored(meaning.args.text(param)) {
                Ok(id) => guard::record::by_id(tx, &id).await?.map(Box::new),
                Err(_) => None,
            };
            Ok(ActData::Ping(ping, on_call::record::now(tx, &desk.roster, desk.now).await?))
        }
        (ActReads::PingAt(param), _) => {
            let tenant = place.map(|place| &place.tenant);
            let message = tenant.and_then(|tenant| linked(meaning.args.text(param), tenant));
            let id = message.map(|message| PingId::of(&DedupeKey::message(&message)));
            let ping = match id {
                Some(id) => guard::record::by_id(tx, &id).await?.map(Box::new),
                None => None,
            };
            Ok(ActData::Ping(ping, Vec::new()))
        }
        (ActReads::Guard, _) => Ok(match place {
            Some(place) => ActData::Guard(Box::new(guard::record::setting(tx, place, &desk.roster, desk.now).await?)),
            None => ActData::Nothing,
        }),
        (ActReads::OnCall, _) => Ok(ActData::OnCall(on_call::record::now(tx, &desk.roster, desk.now).await?)),
        (ActReads::Pings, _) => {
            let since = desk.now.checked_sub(guard::decide::REPORTED).unwrap_or(desk.now);
            let here = match place.filter(|place| !place.is_direct() && !desk.rules.is_triage(place)) {
                Some(place) => Some(guard::record::mode(tx, place, &desk.rules).await?),
                None => None,
            };
            Ok(ActData::Pings(guard::record::counted(tx, since).await?, here))
        }
        (ActReads::Story | ActReads::Joined(_), None) => Ok(ActData::Nothing),
        (ActReads::Story, Some(ticket)) => {
            let records = conversation::record::last_of_ticket(tx, ticket.id, STORY).await?;
            Ok(ActData::Story(records, audit::last_of(tx, &ticket.id.into(), STORY).await?))
        }
        (ActReads::Joined(message), Some(ticket)) => joined(tx, ticket, meaning.args.text(message)).await,
    }
}

/// Reads a message that was joined to a ticket, for [`ActData::Joined`].
async fn joined(tx: &mut dyn Tx, ticket: &Ticket, message: &str) -> Result<ActData, StoreError> {
    let message = MessageRef {
        tenant: ticket.origin.tenant.clone(),
        channel: ticket.origin.channel().to_owned(),
        id: message.to_owned(),
    };
    let record = conversation::record::of_message(tx, &message).await?.filter(|record| record.ticket == ticket.id);
    let mut is_taken = false;
    if !ticket.is_private() {
        let channel = Place { tenant: message.tenant.clone(), at: Conversation::Channel { channel: message.channel } };
        is_taken = conversation::record::ticket_at(tx, &channel.thread(&message.id)).await?.is_some();
    }
    Ok(ActData::Joined(record.map(Box::new), is_taken))
}
