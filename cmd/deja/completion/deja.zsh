#compdef deja
# Completion of deja for zsh: source <(deja completion zsh)
_deja() {
    local line
    local -a found
    while IFS= read -r line; do
        if [[ ${line%%$'\t'*} == :files ]]; then
            _files
            return
        fi
        found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe -t words deja found
}
if [[ ${funcstack[1]} == _deja ]]; then
    _deja "$@"
else
    compdef _deja deja
fi
