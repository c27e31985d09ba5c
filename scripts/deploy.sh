#!/bin/sh
# Sets up a deployment of Aftercare, changes it, or takes it away. Running it twice
# changes nothing. It only calls bin/aftercare and Serverless Devs (s); each step can be
# run alone, and says what to do if it fails. See "Deploy" in README.md and scripts/.
#
#   scripts/deploy.sh ENV [--plan] [--roles-exist] [--dead-letters ARN] [--instance ID | --no-smoke-test]
#   scripts/deploy.sh ENV --destroy [--tables] [--plan | --yes]
set -eu
CDPATH= cd -- "$(dirname -- "$0")/.."

help() { sed -n '/^#   scripts/s/^# *//p' scripts/deploy.sh; }

usage() {
	help >&2
	echo "$1" >&2
	exit 2
}

name= plan= yes= destroy= tables= roles= letters= instance= smoke=1
while [ $# -gt 0 ]; do
	case $1 in
	--plan) plan=--plan ;;
	--destroy) destroy=1 ;;
	--yes) yes=1 ;;
	--tables) tables=--tables ;;
	--roles-exist) roles=--roles-exist ;;
	--dead-letters | --instance)
		[ $# -gt 1 ] || usage "$1 needs a value"
		if [ "$1" = --instance ]; then instance=$2; else letters=$2; fi
		shift
		;;
	--no-smoke-test) smoke= ;;
	-h | --help) help; exit ;;
	-*) usage "there is no option $1" ;;
	*) [ -z "$name" ] || usage "one environment only: $name or $1"; name=$1 ;;
	esac
	shift
done
[ -n "$name" ] || usage "name the environment, for example dev or prod"
file=scripts/env/$name.yaml
[ -e "$file" ] || usage "there is no $file: copy scripts/env/dev.yaml"
[ -z "$tables$yes" ] || [ -n "$destroy" ] || usage "--tables and --yes go with --destroy"
[ -z "$destroy" ] || [ -n "$plan$yes" ] || [ -t 0 ] || usage "--destroy asks before it removes anything: without a terminal, add --yes"
[ -n "$plan$destroy" ] || [ -z "$smoke" ] || [ -n "$instance" ] ||
	usage "name an instance for the smoke test, which runs 'echo' there (--instance ID), or leave the test out (--no-smoke-test)"
[ -n "$plan$destroy" ] || ! grep -q '^  qualifier:' "$file" ||
	usage "$file invokes an alias: how much of the traffic goes to which version is yours to say. scripts/env/README.md has the commands"
command -v s >/dev/null || usage "Serverless Devs is missing: npm install -g @serverless-devs/s"

step() { printf '\n== %s\n' "$*"; }

# With --plan, a step that would change something ends with 6.
changes=0
run() {
	code=0
	"$@" || code=$?
	if [ "$code" = 6 ] && [ -n "$plan" ]; then
		changes=6
	elif [ "$code" != 0 ]; then
		echo "deploy.sh: stopped at: $*" >&2
		echo "What was done before stays. Mend what is said above, and run deploy.sh again." >&2
		exit "$code"
	fi
}

make -s bin/aftercare
aftercare=bin/aftercare

step "what the environment $name needs"
run $aftercare setup environment "$name" ${letters:+--dead-letters "$letters"}
set -a
. "${XDG_CONFIG_HOME:-$HOME/.config}/aftercare/$name.env"
AFTERCARE_ENV=$name
set +a
# The key of the shell; without one, s has its own (s config).
if [ -n "${ALIBABA_CLOUD_ACCESS_KEY_ID:-}" ] && [ -n "${ALIBABA_CLOUD_ACCESS_KEY_SECRET:-}" ]; then
	default_serverless_devs_access=$(printf '{"AccountID":"%s","AccessKeyID":"%s","AccessKeySecret":"%s","SecurityToken":"%s"}' \
		"$ALIBABA_CLOUD_ACCOUNT_ID" "$ALIBABA_CLOUD_ACCESS_KEY_ID" "$ALIBABA_CLOUD_ACCESS_KEY_SECRET" "${ALIBABA_CLOUD_SECURITY_TOKEN:-}")
	export default_serverless_devs_access
fi

if [ -n "$destroy" ]; then
	if [ -z "$plan$yes" ]; then
		printf '\nRemove the deployment %s of account %s in %s: functions, rules, roles, the log project with its lines%s? [y/N] ' \
			"$name" "$ALIBABA_CLOUD_ACCOUNT_ID" "$ALIBABA_CLOUD_REGION_ID" "${tables:+, and the tables with all that was recorded}"
		read -r answer
		[ "$answer" = y ] || exit 2
	fi
	step "remove the functions, with their triggers"
	[ -n "$plan" ] || run s remove -t "$file" -y
	step "remove what 'aftercare subscribe' made"
	run $aftercare subscribe remove ${plan:---yes}
	step "remove the rest"
	run $aftercare setup destroy $tables $roles ${plan:---yes}
	exit $changes
fi

step "1 preflight"
run $aftercare setup check
step "2 build"
run make -s build
# The functions' code is compared by it.
DEPLOYED_VERSION=$($aftercare --version)
export DEPLOYED_VERSION
step "3 roles and policies"
run $aftercare setup roles $roles $plan
step "4 tables and lists"
run $aftercare setup tables ${AFTERCARE_TABLE_TTL:+--ttl-days "$AFTERCARE_TABLE_TTL"} $plan
step "5 log project, dashboard, alert rules"
run $aftercare setup logs $plan
step "6 functions"
if [ -n "$plan" ]; then
	# It shows secrets, so it goes away whatever ends this.
	preview=$(mktemp)
	trap 'rm -f "$preview"' EXIT
	trap 'exit 1' HUP INT TERM
	preview() { s preview -t "$file" -o json >"$preview"; }
	run preview
	run $aftercare setup functions "$preview"
else
	run $aftercare subscribe --buses
	run s deploy -t "$file" -y
fi
step "7 the rules that the triggers made, buses, submissions as events, dead letters"
run $aftercare subscribe $plan
[ -z "$plan" ] || exit $changes
if [ -n "$smoke" ]; then
	step "8 smoke test on $instance"
	run $aftercare setup smoke --instance "$instance"
fi
step "9 what stands now"
run $aftercare setup show ${AFTERCARE_TABLE_TTL:+--ttl-days "$AFTERCARE_TABLE_TTL"}
