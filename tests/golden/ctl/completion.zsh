#compdef ctl
# zsh completion for ctl: ctl completion zsh > ~/.zfunc/_ctl, with ~/.zfunc in fpath before compinit
_ctl() {
    local line word help
    local -a found
    while IFS= read -r line; do
        case $line in
        :files) _files && return ;;
        :folders) _files -/ && return ;;
        *)
            word=${line%%$'\t'*}
            help=${line#*$'\t'}
            found+=("${word//:/\\:}${help:+:$help}")
            ;;
        esac
    done < <(${(Q)words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe -V 'ctl' found
}
if [ "${funcstack[1]}" = _ctl ]; then
    _ctl "$@"
else
    compdef _ctl ctl
fi
