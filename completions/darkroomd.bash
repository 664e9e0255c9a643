# SPDX-License-Identifier: Apache-2.0
# bash completion for darkroomd(8)
_darkroomd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=() i
	COMPREPLY=()
	case $prev in
	--data) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
	--config|--decode) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--group) mapfile -t COMPREPLY < <(compgen -W 'full storage' -- "$cur"); return ;;
	--set)
		mapfile -t COMPREPLY < <(compgen -W "$(darkroomd serve --help 2>/dev/null |
			awk '/^  [a-z]+\.[a-z_]+ /{print $1 "="}')" -- "$cur")
		compopt -o nospace
		return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != -* ]] && words+=("${COMP_WORDS[i]}")
	done
	local options='--data --json --help'
	case ${words[0]-} in
	'') mapfile -t COMPREPLY < <(compgen -W 'init serve admin inspect --help --version' -- "$cur"); return ;;
	init) options+=' --account --email' ;;
	serve) options+=' --config --listen --set' ;;
	inspect)
		options='--json --decode --help'
		[[ $cur != -* ]] && { mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; } ;;
	admin)
		options+=' --now --full --group --account --name'
		if [[ $cur != -* ]]; then
			case ${words[1]-} in
			'') mapfile -t COMPREPLY < <(compgen -W 'account user client image job store doctor' -- "$cur") ;;
			account) mapfile -t COMPREPLY < <(compgen -W 'create list limits' -- "$cur") ;;
			user) mapfile -t COMPREPLY < <(compgen -W 'create' -- "$cur") ;;
			client) mapfile -t COMPREPLY < <(compgen -W 'create reset' -- "$cur") ;;
			image) mapfile -t COMPREPLY < <(compgen -W 'official licence' -- "$cur") ;;
			job) mapfile -t COMPREPLY < <(compgen -W 'list cancel retry' -- "$cur") ;;
			store) mapfile -t COMPREPLY < <(compgen -W 'collect check' -- "$cur") ;;
			esac
			return
		fi ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}
complete -F _darkroomd darkroomd
