# Completes kubectl-broker. bash ends words at `:` and `=`, and puts in only what follows: words are put
# together before the program is asked, and what stands in the line already is taken away from its answer.
_kubectl_broker() {
    local IFS=$'\013'
    local words=() joined='' line=$COMP_LINE index=0 word rest piece i
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word=${COMP_WORDS[i]}
        rest=${line#"${line%%[![:space:]]*}"}
        piece=$word
        if ((i == COMP_CWORD)); then
            # Up to the cursor; bash 3 does not say.
            [[ $word == *[!:=]* && ${BASH_VERSINFO[0]} -ge 4 ]] && piece=$2
        fi
        if ((i > 0)) && [[ $rest == "$line" && ($word == [:=]* || ${COMP_WORDS[i - 1]} == *[:=]) ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        if ((i == COMP_CWORD)); then
            index=$((${#words[@]} - 1))
            joined=${words[index]}
            # What bash replaces is no part of it.
            [[ $piece == *[!:=]* ]] && joined=${joined%"$piece"}
            [[ $joined == *[:=] ]] || joined=''
        fi
        line=${rest#"$word"}
    done
    local space=true
    compopt +o nospace 2>/dev/null && space=false
    COMPREPLY=($(
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$index" \
        _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" \
        _CLAP_COMPLETE_SPACE="$space" \
        VAR="bash" \
        "PROGRAM" -- "${words[@]}"
    ))
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    [[ $joined ]] && COMPREPLY=("${COMPREPLY[@]#"$joined"}")
    [[ $space == false && ${COMPREPLY-} =~ [=/:]$ ]] && compopt -o nospace
}
if [[ ${BASH_VERSINFO[0]} -gt 4 || (${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4) ]]; then
    complete -o nospace -o bashdefault -o nosort -F _kubectl_broker PROGRAM
else
    complete -o nospace -o bashdefault -F _kubectl_broker PROGRAM
fi
