# bash completion for ctl: source <(ctl completion bash)
_ctl() {
    local line=${COMP_LINE:0:COMP_POINT} cur broken='' word
    local -a words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    cur=${words[${#words[@]} - 1]}
    # bash replaces only what follows the last = or :, if those break words
    [[ $cur == *[=:]* && $COMP_WORDBREAKS == *=* ]] && broken=${cur%"${cur##*[=:]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        case $word in
        :files | :folders)
            compopt -o filenames 2>/dev/null || :
            local action=-f
            [[ $word == :folders ]] && action=-d
            mapfile -t COMPREPLY < <(compgen "$action" -- "${cur#"$broken"}")
            ;;
        *) COMPREPLY+=("${word#"$broken"}") ;;
        esac
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _ctl ctl
