# bash completion for postern; made by `postern completion`.
_postern() {
    local word=${COMP_WORDS[COMP_CWORD]} words=
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD-1]} in
    --config|--key-file|--key) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --data) COMPREPLY=($(compgen -d -- "$word")); return ;;
    esac
    case "${COMP_WORDS[*]:1:COMP_CWORD-1}" in
    "gateway"|"gateway "*) words=" --config --ready-fd --help" ;;
    "check"|"check "*) words=" --config --print --print-defaults --print-schema --json --help" ;;
    "doctor"|"doctor "*) words=" --config --database --least --all --sql --json --no-color --help" ;;
    "openapi"|"openapi "*) words=" --help" ;;
    "demo"|"demo "*) words=" --keep --bin-dir --help" ;;
    "sessions list"|"sessions list "*) words=" --principal --connection --since --until --verdict --rejected --erased --limit --config --data --key-file --json --no-color --help" ;;
    "sessions show"|"sessions show "*) words=" --config --data --key-file --json --no-color --help" ;;
    "sessions replay"|"sessions replay "*) words=" --rows --step --play --speed --as --everything --sealed --config --data --key-file --json --no-color --help" ;;
    "sessions rerun"|"sessions rerun "*) words=" --on --ordered --strict --differences --on-production --yes-really --config --data --key-file --json --no-color --help" ;;
    "sessions tail"|"sessions tail "*) words=" --follow --lines --rows --config --data --key-file --json --no-color --help" ;;
    "sessions kill"|"sessions kill "*) words=" --reason --config --data --key-file --json --no-color --help" ;;
    "audit report"|"audit report "*) words=" --period --format --output --section --rows --config --data --key-file --json --no-color --help" ;;
    "audit search"|"audit search "*) words=" --literal --principal --on-behalf-of --connection --session --relation --effect --verdict --error --least-time --least-rows --since --until --limit --cursor --config --data --key-file --json --no-color --help" ;;
    "audit verify"|"audit verify "*) words=" --key --against --partial --key --archive --heads-only --config --data --key-file --json --no-color --help" ;;
    "audit export"|"audit export "*) words=" --output --against --config --data --key-file --json --no-color --help" ;;
    "audit who-saw"|"audit who-saw "*) words=" --principal --connection --session --state --value --scan --since --until --limit --config --data --key-file --json --no-color --help" ;;
    "approvals list"|"approvals list "*) words=" --token --all --config --data --key-file --json --no-color --help" ;;
    "approvals show"|"approvals show "*) words=" --token --config --data --key-file --json --no-color --help" ;;
    "approvals approve"|"approvals approve "*) words=" --token --reason --config --data --key-file --json --no-color --help" ;;
    "approvals deny"|"approvals deny "*) words=" --token --reason --config --data --key-file --json --no-color --help" ;;
    "approvals watch"|"approvals watch "*) words=" --token --bell --config --data --key-file --json --no-color --help" ;;
    "policy lint"|"policy lint "*) words=" --catalog --config --data --key-file --json --no-color --help" ;;
    "policy explain"|"policy explain "*) words=" --as --on --group --claim --machine --person --database --policies --catalog --config --data --key-file --json --no-color --help" ;;
    "policy test"|"policy test "*) words=" --policies --catalog --junit --config --data --key-file --json --no-color --help" ;;
    "policy replay"|"policy replay "*) words=" --since --until --principal --connection --catalog --limit --config --data --key-file --json --no-color --help" ;;
    "policy catalog"|"policy catalog "*) words=" --config --data --key-file --json --no-color --help" ;;
    "login"|"login "*) words=" --url --issuer --out --help" ;;
    "token"|"token "*) words=" --minted --json --help" ;;
    "connect"|"connect "*) words=" --host --port --help" ;;
    "keys show"|"keys show "*) words=" --config --data --key-file --json --no-color --help" ;;
    "keys init"|"keys init "*) words=" --origin --config --data --key-file --json --no-color --help" ;;
    "keys rotate"|"keys rotate "*) words=" --config --data --key-file --json --no-color --help" ;;
    "store erase"|"store erase "*) words=" --session --subject --issuer --reason --dry-run --config --data --key-file --json --no-color --help" ;;
    "store prune"|"store prune "*) words=" --dry-run --config --data --key-file --json --no-color --help" ;;
    "store hold"|"store hold "*) words=" --session --subject --issuer --reason --config --data --key-file --json --no-color --help" ;;
    "store release"|"store release "*) words=" --session --subject --issuer --reason --config --data --key-file --json --no-color --help" ;;
    "store holds"|"store holds "*) words=" --config --data --key-file --json --no-color --help" ;;
    "store reindex"|"store reindex "*) words=" --config --data --key-file --json --no-color --help" ;;
    "store publish"|"store publish "*) words=" --all --replace --config --data --key-file --json --no-color --help" ;;
    "store schema"|"store schema "*) words=" --schema --from --to --config --data --key-file --json --no-color --help" ;;
    "store rewrap"|"store rewrap "*) words=" --new-key-file --generate --config --data --key-file --json --no-color --help" ;;
    "store backup"|"store backup "*) words=" --with-kek --config --data --key-file --json --no-color --help" ;;
    "help"|"help "*) words=" --help" ;;
    "version"|"version "*) words=" --help" ;;
    "man"|"man "*) words=" --help" ;;
    "completion"|"completion "*) words=" --help" ;;
    "sessions") words=" list show replay rerun tail kill" ;;
    "audit") words=" report search verify export who-saw" ;;
    "approvals") words=" list show approve deny watch" ;;
    "policy") words=" lint explain test replay catalog" ;;
    "keys") words=" show init rotate" ;;
    "store") words=" erase prune hold release holds reindex publish schema rewrap backup" ;;
    "") words=" gateway check doctor openapi demo sessions audit approvals policy login token connect keys store help version man completion" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _postern postern
