//! What `--help` says below the options: examples and exit codes.

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  all succeeded
  1  error
  2  the command line could not be understood
  3  the campaign ended with dead letters
  4  the campaign is paused or cancelled, or was stopped with work left
  130  stopped at once, by a second Ctrl-C

Examples:
  repilot run devices.csv --simulate           rehearse against a simulated Graph
  repilot check                                settings, ledger, token, permissions
  repilot run devices.csv --tenant contoso     unassign every user on the list
  repilot status --watch                       what is going on
  repilot dead list                            what did not work, and why";

pub(crate) const RUN_EXAMPLES: &str = "\
Examples:
  repilot run devices.csv --simulate            rehearse, with a ledger of its own
  repilot run devices.csv --tenant contoso      plan, ask, unassign; again, to resume
  repilot run devices.csv --campaign spring -y  under a name, without a question
  repilot run moves.csv --action reassign       unassign, then assign to whom each row names
  repilot run devices.csv --dashboard           with pages in the browser meanwhile
  cut -f1 list.tsv | repilot run - --yes        from standard input
  repilot run devices.csv --canary 20           20 devices first, then it waits for `campaign resume`
  repilot run devices.csv --canary 2% --canary-auto 0.98 --max-failures 10
  repilot run devices.csv --window 'Mon-Fri 20:00-06:00' --zone Europe/Berlin --rate 2/s";

pub(crate) const PLAN_EXAMPLES: &str = "\
Examples:
  repilot plan devices.csv                      what would be done, and what refused
  repilot plan berlin.xlsx rome.json.gz         several lists of any kind
  repilot plan --where tag=KIOSK --except vip.csv
  repilot plan devices.csv --repair zeros       take 12345 for 0012345 where one device fits
  repilot plan moves.csv --action reassign      new users are looked up in the directory
  repilot plan moves.csv --action assign --user-column 'Assigned User'
  repilot plan devices.csv --save-plan plan.json --rejects refused.csv
  repilot plan devices.csv --json               the same, every refused row, for a script";

pub(crate) const INVENTORY_EXAMPLES: &str = "\
Conditions (--where), also for run, plan and enqueue:
  tag=KIOSK*            group tag; likewise model=, manufacturer=, user=, serial=, name=
  model=*T14*,*X1*      several patterns; * and ? stand for anything and any character
  user=@contoso.com     everybody of a domain
  tag!=VIP              all but these
  tag=(none)            those without one
  enrolment=enrolled    or not-contacted, pending-reset, failed, unknown
  silent>90d            not heard of for 90 days, or never
  has-user              or `not has-user`

Examples:
  repilot inventory sync --tenant contoso
  repilot inventory list --where 'silent>180d'
  repilot inventory export --where tag=KIOSK > kiosks.csv";

pub(crate) const ENQUEUE_EXAMPLES: &str = "\
Examples:
  repilot enqueue devices.csv --campaign spring
  repilot enqueue more.csv --campaign spring    adds what is not in it yet
  repilot enqueue --plan plan.json --campaign spring
  repilot enqueue moves.csv --action reassign --campaign moves
  repilot enqueue devices.csv --campaign spring --not-before 22:00 --deadline +12h
  repilot worker --until-empty                  and drain it";

pub(crate) const WORKER_EXAMPLES: &str = "\
Examples:
  repilot worker                                until Ctrl-C
  repilot worker --until-empty                  until no campaign is left that it can move on";

pub(crate) const DASHBOARD_EXAMPLES: &str = "\
Examples:
  repilot dashboard                             on this machine; open the link that it prints
  repilot run devices.csv --dashboard           beside a run
  repilot dashboard --listen 0.0.0.0:8700       for others, once `repilot user add` made one

docs/dashboard.md is about TLS, proxies and people's names.";

pub(crate) const USER_EXAMPLES: &str = "\
Examples:
  repilot user add alice --role operator        asks for the password
  repilot user add wall --role viewer --password-file wall.txt
  repilot user password alice                   another one, and every session ends
  repilot user remove alice";

pub(crate) const TOKEN_EXAMPLES: &str = "\
Examples:
  repilot token create grafana --role viewer --expires 365d
  repilot token list
  repilot token revoke 3";

pub(crate) const STATUS_EXAMPLES: &str = "\
Examples:
  repilot status                                campaigns, lanes, workers
  repilot status spring --watch                 one campaign, every second
  repilot status --json                         for a script";

pub(crate) const JOBS_EXAMPLES: &str = "\
A search is words that must all hold:
  without:user          those that a reassignment left without a user
  state:dead,pending    also reason:, tag:, model:, user:, serial:, campaign:, tenant:, device: and job:
  model:\"Surface Go\"    quotes keep blanks and colons together
  tag:STORE*            * and ? stand for anything and any character; (none) for no tag at all
  user:@contoso.com     everybody of a domain
  -tag:VIP              all but these
  0924-3584             the job, device, serial or user of that name; where there is none, all whose
                        serial or user contains it

Examples:
  repilot jobs spring 'state:dead tag:STORE* -model:\"Surface Go\"'
  repilot jobs spring reason:backoff            those that wait after a failed call
  repilot jobs --everywhere 0924-3584           whose serial or user contains that
  repilot jobs spring --json                    every one, for a script";

pub(crate) const DEAD_EXAMPLES: &str = "\
Examples:
  repilot dead list                             by campaign and reason
  repilot dead list spring                      those of one campaign
  repilot dead list 'tag:STORE*'                each one of them
  repilot dead requeue spring --reason attempts-spent
  repilot dead requeue user:@contoso.com
  repilot dead discard spring --reason not-found   asks; `dead restore` takes it back
  repilot dead give-back moves                  devices without a user, to whom they had
  repilot dead requeue moves --without-user     or their assignment, again";

pub(crate) const CAMPAIGN_EXAMPLES: &str = "\
Examples:
  repilot campaign list
  repilot campaign pause spring --reason 'change freeze'
  repilot campaign pause 'q4-*' --tenant contoso
  repilot campaign pause --all --reason 'change freeze'
  repilot campaign resume --all                 those that a person paused
  repilot campaign resume spring                also past its canary
  repilot campaign resume spring --run          and drain it here
  repilot campaign set spring --rate 2/s --no-deadline
  repilot campaign cancel spring
  repilot campaign skip spring tag:VIP          set these jobs aside";

pub(crate) const VERIFY_EXAMPLES: &str = "\
Examples:
  repilot verify spring                         what succeeded more than 15 min ago
  repilot verify spring --wait                  all of it, when it is old enough
  repilot verify spring --requeue               and again what is still assigned

Exits with 0 when every job is verified, 3 when some are not, 4 when some cannot be judged yet.";

pub(crate) const ROLLBACK_EXAMPLES: &str = "\
Examples:
  repilot rollback spring                       plan, ask, enqueue; `repilot worker` drains it
  repilot rollback spring --run --yes           and drain it, without a question
  repilot rollback spring 'tag:STORE*'          only the devices of these
  repilot rollback spring -- -user:@contoso.com all but those of these users
  repilot rollback spring-rollback              take that back, too";

pub(crate) const REPORT_EXAMPLES: &str = "\
Examples:
  repilot report spring --html --output spring.html
  repilot report spring --markdown              into a ticket";

pub(crate) const NOTIFY_EXAMPLES: &str = "\
Examples:
  repilot notify test                           one message to everybody in [notify]
  repilot notify test teams --json

`repilot check` says whether everything has been told, and what fails.";

pub(crate) const PRUNE_EXAMPLES: &str = "\
Examples:
  repilot prune --older-than 90d                shows what would go, and asks
  repilot prune --older-than 90d --yes          in a timer";

pub(crate) const AUDIT_EXAMPLES: &str = "\
Examples:
  repilot audit list spring                     who did what, when and from where
  repilot audit verify                          is it as it was recorded? Prints the head
  repilot audit verify --head 1f0c…             and does it still have the head that was kept?";

pub(crate) const SET_EXAMPLES: &str = "\
Examples:
  repilot campaign set spring --rate 100/20s    leave room for the tenant's other tools
  repilot campaign set spring --window '22:00-05:00' --zone Europe/Berlin
  repilot campaign set spring --deadline '2026-12-01 06:00' --priority high
  repilot campaign set spring --no-window --no-max-failures

A window is open whenever the clocks of --zone show a time within it, also in the nights in which
they are put forward or back; one over midnight belongs to the day on which it begins.";

pub(crate) const EXPORT_EXAMPLES: &str = "\
Examples:
  repilot export spring > spring.csv
  repilot export spring --format json > spring.json";

pub(crate) const SIMULATE_EXAMPLES: &str = "\
Examples:
  repilot simulate --listen 127.0.0.1:8080 --devices 5000
  repilot simulate --list devices.csv --scenario slow.toml

A scenario is TOML; `repilot simulate --show-scenario` prints the built-in one, which explains
every key. GET /_sim/counters and /_sim/devices show what the simulated Graph saw.";

pub(crate) const LEDGER_EXAMPLES: &str = "\
Examples:
  repilot ledger migrate                        before the workers of a new version start
  repilot ledger check --json                   after a crash, or in a monitor
  repilot ledger copy ledger.db postgres://repilot@db.example/repilot
                                                stop the workers before, start them on the copy

PostgreSQL's password may come from PGPASSWORD or ~/.pgpass instead of the URL.";

pub(crate) const LOGIN_EXAMPLES: &str = "\
Examples:
  repilot login                                 opens the browser; the account's own tenant
  repilot login --tenant contoso.com --check-users
                                                may look users up in the directory, too
  repilot login --device-code                   where there is no browser: a code for another machine
  repilot login --cloud us-gov                  of another cloud
  repilot login --cloud china --client-id 00000000-0000-0000-0000-000000000000

Tokens are kept in the operating system's keyring where there is one, else in a private file; it says
which. Every process of this user on this machine shares them, and they are refreshed by themselves.";

pub(crate) const CHECK_EXAMPLES: &str = "\
Examples:
  repilot check
  repilot check --tenant contoso --json";
