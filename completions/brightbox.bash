# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of `brightbox` for bash: commands, options, their values, and the ids seen in earlier
# answers (~/.brightbox/cache).

_brightbox_commands="accounts config help images login orbit token types users zones"
_brightbox_globals="--simple --json --client --account --insecure --version --help"

_brightbox_subcommands() {
	case $1 in
	accounts) echo "default list show" ;;
	config) echo "client_add client_default client_list client_remove user_add" ;;
	images) echo "destroy download list lock prepare register show unlock update" ;;
	orbit) echo "get key ls put rm tempurl" ;;
	token) echo "create show" ;;
	types) echo "list show" ;;
	users) echo "list show update" ;;
	zones) echo "list" ;;
	esac
}

_brightbox_options() {
	case $1 in
	"config client_add") echo "--alias --auth-url" ;;
	"config user_add") echo "--alias --password" ;;
	"images download") echo "--format" ;;
	"images list") echo "--show-all --type --status --account" ;;
	"images prepare") echo "--format --level --threads" ;;
	"images register")
		echo "--name --description --username --arch --file --container --url --server" \
			"--volume --mode --public --min-ram --checksum --wait"
		;;
	"images update")
		echo "--name --description --username --arch --mode --public --min-ram --deprecated"
		;;
	"login "*)
		echo "--password --default-account --application-id --application-secret --api-url" \
			"--auth-url"
		;;
	"orbit key") echo "--set --rotate --clear" ;;
	"orbit ls") echo "--long --recursive" ;;
	"orbit put") echo "--segment-size" ;;
	"orbit rm") echo "--recursive" ;;
	"orbit tempurl") echo "--method --expires --prefix --ip" ;;
	"token "*) echo "--format" ;;
	"users update") echo "--ssh-key --name" ;;
	esac
	echo "--help"
}

_brightbox_ids() {
	local dir=${HOME:-.}/.brightbox/cache
	[[ -d $dir ]] && command ls "$dir" 2>/dev/null | command grep "^$1-"
}

_brightbox_clients() {
	command sed -n 's/^[[:space:]]*\[\([^]]*\)\].*/\1/p' "${HOME:-.}/.brightbox/config" 2>/dev/null |
		command grep -vx core
}

# What an option of the subcommand "$1" takes.
_brightbox_values() {
	case "$1 $2" in
	*" --arch" | "images "*" -a") echo "x86_64 i686" ;;
	"images "*" --mode" | "images "*" -m") echo "virtio compatibility" ;;
	*" --public" | *" --deprecated" | "images "*" -p") echo "true false" ;;
	"images list --type" | "images list -t") echo "official upload snapshot" ;;
	"images list --status" | "images list -s")
		echo "public private deprecated creating failed unavailable deleting"
		;;
	"images list --account" | "images list -l") echo "brightbox $(_brightbox_ids acc)" ;;
	"images download --format" | "images download -f") echo "lz4 raw qcow2" ;;
	"images prepare --format" | "images prepare -f") echo "lz4 xz zst" ;;
	"orbit tempurl --method" | "orbit tempurl -m") echo "GET PUT HEAD POST DELETE" ;;
	"token "*" --format") echo "text token json curl" ;;
	*" --server") _brightbox_ids srv ;;
	*" --volume") _brightbox_ids vol ;;
	*" --default-account" | *" --account") _brightbox_ids acc ;;
	*" --client" | " -c" | "  -c") _brightbox_clients ;;
	esac
}

# What the words behind the subcommand "$1" are.
_brightbox_words() {
	case $1 in
	"images register" | "images prepare") ;;
	"images "*) _brightbox_ids img ;;
	"accounts "*) _brightbox_ids acc ;;
	"users "*) _brightbox_ids usr ;;
	"types "*) _brightbox_ids typ ;;
	"zones "*) _brightbox_ids zon ;;
	"config client_default" | "config client_remove") _brightbox_clients ;;
	esac
}

# The one word of the list that is, or alone begins with, the given one.
_brightbox_resolve() {
	local word=$1 found='' candidate
	shift
	for candidate; do
		[[ $candidate == "$word" ]] && found=$word && break
		[[ $candidate == "$word"* ]] && found=${found:+?}$candidate
	done
	[[ $found == \?* ]] || echo "$found"
}

# Whether the option $1 of the subcommand "$2" takes the next word.
_brightbox_takes_value() {
	case "$2 $1" in
	"images list -a" | "orbit ls -l" | "orbit tempurl -p") return 1 ;;
	*" -a" | "images list -s" | "orbit "*" -e" | "orbit "*" -S" | "images prepare -l") return 0 ;;
	esac
	case $1 in
	*=*) return 1 ;;
	-c | --client | --account | -n | -d | -u | -m | -p | -l | -t | -f) return 0 ;;
	--name | --description | --username | --arch | --url | --server | --volume | --mode | \
		--public | --min-ram | --checksum | --deprecated | --type | --status | --format | \
		--alias | --auth-url | --api-url | --password | --default-account | \
		--application-id | --application-secret | --ssh-key | --file | --container | \
		--level | --threads | --segment-size | --method | --expires | --ip) return 0 ;;
	esac
	return 1
}

_brightbox() {
	local words=() word i command='' sub='' helping='' subs offers cur prev
	for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
		# bash gives --option=value as three words: make it two.
		[[ $word == = && ${words[-1]} == --* ]] || words+=("$word")
	done
	[[ ${COMP_WORDS[COMP_CWORD]} == = ]] && words+=("")
	cur=${words[-1]}
	prev=${words[-2]}
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		word=${words[i]}
		if [[ $word == -* ]]; then
			_brightbox_takes_value "$word" "$command ${sub:-list}" && ((i++))
		elif [[ -z $command && help == "$word" ]]; then
			helping=yes
		elif [[ -z $command ]]; then
			# shellcheck disable=SC2086 # a list of words
			command=$(_brightbox_resolve "$word" $_brightbox_commands)
			[[ -z $command ]] && return
		elif [[ -z $sub ]]; then
			# shellcheck disable=SC2046 # a list of words
			sub=$(_brightbox_resolve "$word" $(_brightbox_subcommands "$command"))
			[[ -z $sub ]] && sub=list && [[ $command == orbit ]] && sub="ls"
		fi
	done
	subs=$(_brightbox_subcommands "$command")
	if ((i == ${#words[@]})); then
		offers=$(_brightbox_values "$command $sub" "$prev")
	elif [[ -z $command && -n $helping ]]; then
		offers=${_brightbox_commands/help /}
	elif [[ -z $command && $cur == -* ]]; then
		offers=$_brightbox_globals
	elif [[ -z $command ]]; then
		offers=$_brightbox_commands
	elif [[ $cur == -* ]]; then
		[[ -z $sub && $command == token ]] && sub=show
		[[ -z $sub && $command == config ]] && sub=client_list
		[[ -z $sub && $command == orbit ]] && sub="ls"
		offers=$(_brightbox_options "$command ${sub:-list}")
	elif [[ -n $subs && -z $sub ]]; then
		offers=$subs
	elif [[ -z $helping ]]; then
		offers=$(_brightbox_words "$command $sub")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$offers" -- "$cur")
}

complete -o default -F _brightbox brightbox darkroom
