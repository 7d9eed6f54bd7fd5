/* The scripts: all they know is how to ask `ctl __complete`. */
#include "ctl/completion.h"

#include <string.h>

static const char bash_script[] = "# bash completion for ctl: source <(ctl completion bash)\n"
                                  "_ctl() {\n"
                                  "    local line=${COMP_LINE:0:COMP_POINT} cur broken='' word\n"
                                  "    local -a words\n"
                                  "    read -ra words <<<\"$line\"\n"
                                  "    [[ $line == *[[:space:]] ]] && words+=('')\n"
                                  "    cur=${words[${#words[@]} - 1]}\n"
                                  "    # bash replaces only what follows the last = or :, if those break words\n"
                                  "    [[ $cur == *[=:]* && $COMP_WORDBREAKS == *=* ]] && broken=${cur%\"${cur##*[=:]}\"}\n"
                                  "    COMPREPLY=()\n"
                                  "    while IFS=$'\\t' read -r word _; do\n"
                                  "        case $word in\n"
                                  "        :files | :folders)\n"
                                  "            compopt -o filenames 2>/dev/null || :\n"
                                  "            local action=-f\n"
                                  "            [[ $word == :folders ]] && action=-d\n"
                                  "            mapfile -t COMPREPLY < <(compgen \"$action\" -- \"${cur#\"$broken\"}\")\n"
                                  "            ;;\n"
                                  "        *) COMPREPLY+=(\"${word#\"$broken\"}\") ;;\n"
                                  "        esac\n"
                                  "    done < <(\"${COMP_WORDS[0]/#\\~/$HOME}\" __complete \"${words[@]:1}\" 2>/dev/null)\n"
                                  "}\n"
                                  "complete -F _ctl ctl\n";

static const char zsh_script[] =
        "#compdef ctl\n"
        "# zsh completion for ctl: ctl completion zsh > ~/.zfunc/_ctl, with ~/.zfunc in fpath before compinit\n"
        "_ctl() {\n"
        "    local line word help\n"
        "    local -a found\n"
        "    while IFS= read -r line; do\n"
        "        case $line in\n"
        "        :files) _files && return ;;\n"
        "        :folders) _files -/ && return ;;\n"
        "        *)\n"
        "            word=${line%%$'\\t'*}\n"
        "            help=${line#*$'\\t'}\n"
        "            found+=(\"${word//:/\\\\:}${help:+:$help}\")\n"
        "            ;;\n"
        "        esac\n"
        "    done < <(${(Q)words[1]} __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
        "    _describe -V 'ctl' found\n"
        "}\n"
        "if [ \"${funcstack[1]}\" = _ctl ]; then\n"
        "    _ctl \"$@\"\n"
        "else\n"
        "    compdef _ctl ctl\n"
        "fi\n";

void completion_script(const char *shell, struct strbuf *out)
{
        strbuf_adds(out, strcmp(shell, "zsh") == 0 ? zsh_script : bash_script);
}
