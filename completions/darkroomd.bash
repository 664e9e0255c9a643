# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion for darkroomd(8)
_darkroomd_options() {
	case $1 in
	init) echo '--data --account --email --json --help' ;;
	serve) echo '--data --config --listen --sftp --set --help' ;;
	inspect) echo '--json --decode --data --set --help' ;;
	admin)
		echo '--data --config --set --json --help'
		case $2 in
		'account limits') echo '--stored-bytes --orbit-bytes --virtual-bytes --upload-bytes --imports' ;;
		'user create') echo '--account --name' ;;
		'client create') echo '--group --name' ;;
		'store collect') echo '--now' ;;
		'store check') echo '--full' ;;
		esac
		;;
	*) echo '--help --version' ;;
	esac
}

_darkroomd_words() {
	case $1 in
	'') echo 'init serve admin inspect help' ;;
	help) echo 'init serve admin inspect' ;;
	admin) echo 'account user client image job store doctor' ;;
	'admin account') echo 'create list limits' ;;
	'admin user') echo 'create password' ;;
	'admin client') echo 'create reset' ;;
	'admin image') echo 'official licence' ;;
	'admin job') echo 'list cancel retry' ;;
	'admin store') echo 'collect check' ;;
	'admin image official '*) echo 'true false' ;;
	esac
}

_darkroomd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=() offers i
	COMPREPLY=()
	case $prev in
	--data) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
	--config | --decode) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--group) mapfile -t COMPREPLY < <(compgen -W 'full storage' -- "$cur") && return ;;
	--set)
		mapfile -t COMPREPLY < <(compgen -W "$("$1" serve --help 2>/dev/null |
			awk '/^  [a-z]+\.[a-z_]+ /{print $1 "="}')" -- "$cur")
		compopt -o nospace 2>/dev/null
		return
		;;
	--account | --email | --listen | --name | --*-bytes | --imports) return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--data | --config | --decode | --group | --set | --account | --email | --listen | --name | \
			--*-bytes | --imports)
			((i++))
			# bash gives --set a.b=c as three words
			[[ ${COMP_WORDS[i + 1]-} == = ]] && ((i += 2))
			;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	if [[ $cur == -* ]]; then
		offers=$(_darkroomd_options "${words[0]-}" "${words[*]:1:2}")
	elif [[ ${words[0]-} == inspect ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	else
		offers=$(_darkroomd_words "${words[*]}")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$offers" -- "$cur")
}
complete -F _darkroomd darkroomd
