//! The command line: its commands, options and help texts. [`crate::commands`] carries the commands out.
//!
//! The doc comments of commands and options are their help texts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::erase;
use crate::config::parse_duration;
use crate::domain::ids::PersonRef;

/// The arguments of the program.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "deskbell",
    version,
    about = "Slack and Discord as a front door to the IT service desk",
    long_about = "Deskbell makes Slack and Discord a front door to the IT service desk. Somebody mentions it or writes \
                  to it, and the request becomes one ticket at the desk; agents claim, answer and resolve it without \
                  leaving their thread.",
    after_help = "New here? `deskbell sandbox` needs no account: it prints the address of a page to try it on.",
    after_long_help = AFTER_HELP,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// The settings file [default: ./deskbell.toml, if there is one]
    ///
    /// A TOML file; deskbell.sample.toml shows every setting. The environment (DESKBELL__SECTION__KEY) wins over it.
    #[arg(long, global = true, value_name = "FILE", env = "DESKBELL_CONFIG")]
    pub config: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  deskbell sandbox                   try it: a Slack and a Discord of its own, no account, no token
  deskbell manifest slack            what to create the Slack app from
  deskbell manifest discord          which permissions and intents the Discord bot needs
  deskbell check                     is everything right? What is to be mended?
  deskbell serve                     run it

Settings come from ./deskbell.toml (or --config FILE) and from the environment, which wins:
  DESKBELL__SLACK__BOT_TOKEN=xoxb-…  is bot_token in the section [slack]
  DESKBELL__DESK__AGENTS=slack:U1,discord:42
Secrets can be files: bot_token_file = \"/run/secrets/slack_bot_token\".
deskbell.sample.toml documents every setting with its default.";

/// The commands of the program.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the bot, on every platform that is configured
    ///
    /// Runs until it gets SIGTERM or Ctrl-C, then finishes what it has begun and ends. The database is migrated at the
    /// start. /healthz and /readyz answer on http.listen (127.0.0.1:8080), or on http.health_listen. A platform that
    /// cannot be reached, or refuses the token, is waited for while another works; if every platform refuses, it ends.
    /// Without any platform it does not start, and says how to configure one.
    #[command(after_long_help = "\
Examples:
  deskbell serve
  deskbell --config /etc/deskbell.toml serve
  DESKBELL__LOG__FORMAT=text DESKBELL__LOG__LEVEL=debug deskbell serve")]
    Serve,

    /// Try it: a Slack workspace and a Discord guild of its own, and a page to use them
    ///
    /// Starts a Slack workspace and a Discord guild inside this process, which speak the real protocols, connects the
    /// bot to them as it would be connected to the real ones, and prints the address of a page where you can be any of
    /// several people. Nothing leaves this machine; tokens from your settings are not used.
    #[command(after_long_help = SANDBOX_HELP)]
    Sandbox(SandboxArgs),

    /// Test the settings, tokens, permissions, channels, roster and database; say what to mend
    ///
    /// Asks the platforms themselves, writes nothing to them, and ends with an error if something must be mended.
    Check,

    /// Bring the database up to date (`serve` does that too)
    Migrate,

    /// Print what a platform needs to know about the bot
    ///
    /// For Slack the app manifest (paste it at api.slack.com/apps, under "From a manifest"); for Discord its
    /// commands, intents and permissions.
    #[command(after_long_help = "\
Examples:
  deskbell manifest slack > slack-manifest.json
  deskbell manifest discord")]
    Manifest {
        /// For which platform
        #[arg(value_enum)]
        platform: ManifestPlatform,
    },

    /// List the tickets, newest first
    #[command(after_long_help = "\
Examples:
  deskbell tickets
  deskbell tickets --json --limit 1000")]
    Tickets {
        /// One JSON object a line, instead of a table
        #[arg(long)]
        json: bool,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
    },

    /// Print every ticket with its messages and what was done, oldest first (JSON Lines)
    ///
    /// One JSON object a line: the ticket, everything that was said on it, and its audit. Private requests are among
    /// them, with all their words: keep the file as carefully as the database. Works beside a running bot.
    #[command(after_long_help = "\
Examples:
  deskbell export > tickets.jsonl
  deskbell export | jq -r 'select(.ticket.status == \"new\") | .ticket.key'")]
    Export,

    /// List what waits to be said, what is held until something is mended, and what failed for good; try again
    ///
    /// When, on which platform, what and where, for which ticket, how often it was tried, and why it is not delivered.
    /// Each list newest first. What is held (a missing right or scope, an archived or deleted channel) keeps its words
    /// for 30 days and is tried again by itself now and then. Works beside a running bot. What failed is listed as long
    /// as privacy.keep_keys_days says.
    #[command(after_long_help = "\
Examples:
  deskbell effects                                  everything
  deskbell effects --held                           what an operator can mend
  deskbell effects --about 'notice:payroll is down' how far a notice has come
  deskbell effects retry --all                      it is mended: send it now
  deskbell effects retry 01JD9GJ2V4M8Q3B7Z5T6W1X0CY only this one
  deskbell effects --failed --json --limit 1000 | jq -r .error | sort | uniq -c")]
    Effects(EffectsArgs),

    /// List what could not be handled by a fault of ours (dead events), oldest first, or handle it again
    ///
    /// The list tells no words of people. Works beside a running bot.
    #[command(after_long_help = "\
Examples:
  deskbell events                                  what there is
  deskbell events --show m:slack:T1:C1:17.5        one event whole, with what people wrote
  deskbell events replay --all                     handle everything again, say what became of it
  deskbell events replay m:slack:T1:C1:17.5        only this one")]
    Events(EventsArgs),

    /// Bring articles in from files, write them to files, or list them
    ///
    /// Articles are Markdown files (.md) with what else is known of them before it, between two lines of ---: title,
    /// summary, service, tags, language (en, de, …), audience (everyone, agents), url (then it is a link to another
    /// knowledge base), status (draft, published, retired), owner (an account), source (a ticket), review (a day).
    /// Folders are tags. Works beside a running bot, which finds what is new within two seconds.
    #[command(after_long_help = "\
Examples:
  deskbell knowledge import articles/               new files are published, changed ones changed
  deskbell knowledge import articles/ --dry-run     what would that change?
  deskbell knowledge import articles/ --prune       and what is not there any more is retired
  deskbell knowledge import articles/vpn/drops.md --below articles/
  deskbell knowledge list
  deskbell knowledge report --days 7                what became of the articles that requesters were shown
  deskbell knowledge export copy/")]
    Knowledge(KnowledgeArgs),

    /// Copy the SQLite database, soundly, while the bot runs
    ///
    /// The copy is readable by its owner only and is looked through before it gets its name; nothing is overwritten.
    /// For PostgreSQL it says which command to use. To restore, stop the bot and put the copy in the database's place.
    #[command(after_long_help = "\
Examples:
  deskbell backup desk-2026-03-02.db
  deskbell backup /backups/desk-$(date +%F).db")]
    Backup {
        /// The file to write
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },

    /// Say that the database was put back from a copy which `deskbell backup` did not make
    ///
    /// At its next start the bot skips numbers, so that no key is given again that people were told after the copy was
    /// made. A copy that `deskbell backup` made knows that by itself, as does a PostgreSQL database that pg_restore has
    /// filled.
    Restored,

    /// Take one person's words and names out of the record; without --yes only say what that would change
    ///
    /// Words and names go from tickets, messages, the audit and whatever waits; accounts become an alias that is the
    /// same everywhere, so that figures stay. Cards and lines that the bot has posted follow. Accounts that the
    /// settings link (people) are the same person. Works beside a running bot, and may be repeated. Ends with 1 if
    /// nothing is on record.
    #[command(after_long_help = "\
Examples:
  deskbell erase --person slack:U0123456789                      what would change?
  deskbell erase --person slack:U0123456789 --person discord:42 --yes")]
    Erase {
        /// An account of the person, slack:U… or discord:…; several if the settings do not link them
        #[arg(long, value_name = "ACCOUNT", required = true, value_parser = erase::account)]
        person: Vec<PersonRef>,
        /// Do it
        #[arg(long)]
        yes: bool,
    },

    /// Ask a running bot whether it is alive (for a container's health check)
    #[command(hide = true)]
    Health {
        /// What to ask [default: /healthz where the settings say]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
}

const SANDBOX_HELP: &str = "\
Examples:
  deskbell sandbox                                 then open the address that it prints
  deskbell sandbox --listen 127.0.0.1:0            any free port
  deskbell sandbox --journal journal.jsonl         write down what everybody said and saw
  deskbell sandbox --replay FILE --json            play a transcript, print figures, end
  deskbell sandbox --replay FILE --platform slack --burst-window 0s --no-greeting-filter --list what.jsonl";

/// The arguments of `deskbell effects`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct EffectsArgs {
    /// What waits, or is being delivered
    #[arg(long)]
    pub waiting: bool,

    /// What is kept until an operator has mended what refuses it
    #[arg(long)]
    pub held: bool,

    /// What failed for good
    #[arg(long)]
    pub failed: bool,

    /// Only what is about this: a ticket by its key (IT-1042), or a notice (notice:NAME), with where it stands already
    #[arg(long, value_name = "SUBJECT")]
    pub about: Option<String>,

    /// One JSON object a line, instead of a table
    #[arg(long)]
    pub json: bool,

    /// At most so many of each
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,

    #[command(subcommand)]
    pub command: Option<EffectsCommand>,
}

/// The commands of `deskbell effects`.
#[derive(Clone, Debug, Subcommand)]
pub enum EffectsCommand {
    /// Try effects that are held again, now that what refused them is mended
    ///
    /// Works beside a running bot, which sends them at once; else they are sent at its next start. What is refused
    /// again is held again. Ends with 1 if what was named is not held.
    #[command(override_usage = "deskbell effects retry <ID>...\n       deskbell effects retry --in <PLACE>\n       \
                                deskbell effects retry --all")]
    #[command(after_long_help = "\
Examples:
  deskbell effects retry --all
  deskbell effects retry --in post:C0123456789
  deskbell effects retry 01JD9GJ2V4M8Q3B7Z5T6W1X0CY")]
    Retry {
        /// Which (`deskbell effects --held` lists them)
        #[arg(value_name = "ID", required_unless_present_any = ["all", "held_in"], conflicts_with_all = ["all", "held_in"])]
        effects: Vec<String>,
        /// Every one
        #[arg(long, conflicts_with = "held_in")]
        all: bool,
        /// Those that this refuses (as `deskbell effects --held` names it)
        #[arg(long = "in", value_name = "PLACE")]
        held_in: Option<String>,
    },
}

/// The arguments of `deskbell events`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct EventsArgs {
    /// One JSON object a line, instead of a table
    #[arg(long)]
    pub json: bool,

    /// Print one event whole, with what people wrote
    #[arg(long, value_name = "KEY", conflicts_with = "json")]
    pub show: Option<String>,

    #[command(subcommand)]
    pub command: Option<EventsCommand>,
}

/// The commands of `deskbell events`.
#[derive(Clone, Debug, Subcommand)]
pub enum EventsCommand {
    /// Handle dead events again, as if they had just come, and forget those that succeed
    ///
    /// By the rules and the roster of the settings as they are now. What was handled meanwhile is not handled twice;
    /// what fails again is kept. Works beside a running bot, which delivers what follows. Ends with 1 if one fails
    /// again.
    #[command(override_usage = "deskbell events replay <KEY>...\n       deskbell events replay --all")]
    #[command(after_long_help = "\
Examples:
  deskbell events replay --all
  deskbell events replay m:slack:T1:C1:17.5 i:discord:1000000000000000009")]
    Replay {
        /// Which (`deskbell events` lists them)
        #[arg(value_name = "KEY", required_unless_present = "all", conflicts_with = "all")]
        keys: Vec<String>,
        /// Every one
        #[arg(long)]
        all: bool,
    },
}

/// The arguments of `deskbell knowledge`.
#[derive(Args, Clone, Debug)]
pub struct KnowledgeArgs {
    #[command(subcommand)]
    pub command: KnowledgeCommand,
}

/// The commands of `deskbell knowledge`.
#[derive(Clone, Debug, Subcommand)]
pub enum KnowledgeCommand {
    /// Bring files in: idempotent, by their paths below the folder
    ///
    /// What a file leaves open (status, owner, review) stays as it is, and what it has not changed since it was last
    /// imported undoes nothing that was done in chat; where both were changed, the article stays as it is in chat. A
    /// new article is published. Says what it could not read, and ends with 1 then; everything else is brought in all
    /// the same.
    Import {
        /// A folder, with all folders in it, or one file
        #[arg(value_name = "DIR|FILE")]
        from: PathBuf,
        /// Retire the imported articles whose files are not in the folder any more
        #[arg(long)]
        prune: bool,
        /// Overwrite what was edited in chat since it was imported
        #[arg(long)]
        overwrite: bool,
        /// The folder from which paths count, if it is not the one that is brought in (for one file, the one that it is
        /// in)
        #[arg(long, value_name = "DIR")]
        below: Option<PathBuf>,
        /// Write nothing, and say what would change
        #[arg(long)]
        dry_run: bool,
    },

    /// Write every article to a file in this folder: importing them gives the same again
    Export {
        /// The folder
        #[arg(value_name = "DIR")]
        to: PathBuf,
        /// Write over files that are there
        #[arg(long)]
        overwrite: bool,
    },

    /// Say what became of the articles that requesters were shown
    ///
    /// Each request that was shown an article is counted once: as confirmed if its requester said that the article
    /// solved it, and it is done still; else as escalated if they asked for a person, said that it does not help, or
    /// wrote on; else as worked if the desk took or ended it; else as abandoned if nobody said or did anything for
    /// --quiet-days; else as open. Only what is confirmed was met by knowledge. Observed are requests that would have
    /// been shown one.
    Report {
        /// Requests of so many days
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
        /// After so many quiet days a request counts as abandoned
        #[arg(long, value_name = "N", default_value_t = 3)]
        quiet_days: u32,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },

    /// List the articles, oldest first, with what became of them on requests
    List {
        /// One JSON object a line, instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// The arguments of `deskbell sandbox`.
#[derive(Args, Clone, Debug)]
pub struct SandboxArgs {
    /// Where the page is served; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 7070)))]
    pub listen: SocketAddr,

    /// Play this transcript (JSON Lines) through the platforms, print figures, and end
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,

    /// Which platforms there are
    #[arg(long, value_enum, default_value_t = SandboxPlatforms::Both)]
    pub platform: SandboxPlatforms,

    /// With --replay: the figures as one JSON object in the last line, too
    #[arg(long, requires = "replay")]
    pub json: bool,

    /// With --replay: write what became of each message to this file (JSON Lines)
    #[arg(long, value_name = "FILE", requires = "replay")]
    pub list: Option<PathBuf>,

    /// Write what people said, the bot did and each person could see to this file (JSON Lines)
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,

    /// With --replay: seed for what the agents do; the same seed, the same day
    #[arg(long, value_name = "N", default_value_t = 1042)]
    pub seed: u64,

    /// Greetings, thanks and bare emoji open tickets, too (intake.greeting_filter = false)
    #[arg(long)]
    pub no_greeting_filter: bool,

    /// What one author says within this time is one ticket, as in 2m; 0s for never (intake.burst_window)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub burst_window: Option<Duration>,

    /// Slack calls the bot by signed HTTP requests, instead of Socket Mode
    #[arg(long)]
    pub http: bool,
}

/// The platforms of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxPlatforms {
    /// Slack only.
    Slack,
    /// Discord only.
    Discord,
    /// Both, side by side.
    Both,
}

impl SandboxPlatforms {
    /// Whether there is a Slack workspace.
    #[must_use]
    pub const fn has_slack(self) -> bool {
        matches!(self, Self::Slack | Self::Both)
    }

    /// Whether there is a Discord guild.
    #[must_use]
    pub const fn has_discord(self) -> bool {
        matches!(self, Self::Discord | Self::Both)
    }
}

/// A platform with a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ManifestPlatform {
    /// Slack's app manifest.
    Slack,
    /// Discord's commands, intents and permissions.
    Discord,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_sandbox_takes_its_options() {
        let line =
            "deskbell sandbox --listen 127.0.0.1:0 --replay f --platform slack --json --burst-window 0s --config c";
        let cli = Cli::try_parse_from(line.split(' ')).expect("a good line");
        let Command::Sandbox(sandbox) = cli.command else { panic!("the sandbox was asked for") };
        assert_eq!(sandbox.burst_window, Some(Duration::ZERO));
        assert!(sandbox.platform.has_slack() && !sandbox.platform.has_discord());
        assert_eq!(cli.config, Some(PathBuf::from("c")));
        assert!(Cli::try_parse_from(["deskbell", "sandbox", "--json"]).is_err(), "figures are of a replay");
        assert!(Cli::try_parse_from(["deskbell", "sandbox", "--burst-window", "2"]).is_err(), "a unit is needed");
    }
}
