# The words of the command line up to the cursor are what stands between blanks. bash also
# splits them at the characters of COMP_WORDBREAKS, such as = : and @.
__zeekfleet_words()
{
    local i gap word rest=${COMP_LINE:0:COMP_POINT}
    COMPREPLY=()
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        word=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && word=$rest
        rest=${rest#"$word"}
        if ((i > 0)) && [[ -z $gap ]]; then
            words[${#words[@]}-1]+=$word
        else
            words+=("$word")
        fi
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=
    ((cword > 0)) && prev=${words[cword-1]}
    return 0
}

# bash replaces what stands from the last @ on, including it. So the words must begin there.
__zeekfleet_handle_at()
{
    if [[ $cur == ?*@* && $COMP_WORDBREAKS == *@* ]]; then
        local before=${cur%"@${cur##*@}"} i
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$before"}
        done
    fi
}

# Files with one of the extensions a|b|c and directories, or directories alone with -d.
__zeekfleet_files()
{
    local file
    compopt -o filenames 2>/dev/null
    while IFS='' read -r file; do
        if [[ -d $file || $1 != -d && ( -z $1 || $file == *.* && "|$1|" == *"|${file##*.}|"* ) ]]; then
            COMPREPLY+=("$file")
        fi
    done < <(compgen -f -- "$cur")
}
