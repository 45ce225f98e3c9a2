# Completion of resound for bash: source <(resound completion bash), or as a file
# resound in /usr/share/bash-completion/completions. Written by the program.

_resound() {
    local at= flag= value=${COMP_WORDS[COMP_CWORD]} words= i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case $at:${COMP_WORDS[i]} in
            :start) at=/start ;;
            :config) at=/config ;;
            :check) at=/check ;;
            :doctor) at=/doctor ;;
            :apps) at=/apps ;;
            :restart) at=/restart ;;
            :top) at=/top ;;
            :log) at=/log ;;
            :health) at=/health ;;
            :completion) at=/completion ;;
            :man) at=/man ;;
            :version) at=/version ;;
            /apps:import) at=/apps/import ;;
            /log:list) at=/log/list ;;
            /log:show) at=/log/show ;;
            /log:truncate) at=/log/truncate ;;
            /log:compact) at=/log/compact ;;
        esac
    done
    # bash cuts --flag=value into three words.
    if [[ $value == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD-1]} value=
    elif [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD-2]}
    else
        flag=${COMP_WORDS[COMP_CWORD-1]}
    fi
    case $flag in
        --host) return ;;
        --port) return ;;
        --path) return ;;
        --loops) return ;;
        --tls-cert) return ;;
        --tls-key) return ;;
        --tls-port) return ;;
        --unix-socket) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --unix-socket-mode) return ;;
        --hostname) return ;;
        --public-port) return ;;
        --scheme) COMPREPLY=($(compgen -W "http https" -- "$value")); return ;;
        --app-id) return ;;
        --app-key) return ;;
        --app-secret) return ;;
        --max-connections) return ;;
        --max-message-size) return ;;
        --ping-interval) return ;;
        --activity-timeout) return ;;
        --accept-client-events-from) COMPREPLY=($(compgen -W "members all none" -- "$value")); return ;;
        --allowed-origins) return ;;
        --rate-limit-max-attempts) return ;;
        --rate-limit-decay-seconds) return ;;
        --cache-ttl) return ;;
        --max-subscriptions) return ;;
        --max-presence-members) return ;;
        --max-user-info) return ;;
        --max-batch) return ;;
        --compression-min-size) return ;;
        --auth-timestamp) COMPREPLY=($(compgen -W "warn enforce ignore" -- "$value")); return ;;
        --history-messages) return ;;
        --history-age) return ;;
        --history-bytes) return ;;
        --replay-messages) return ;;
        --replay-bytes) return ;;
        --max-request-size) return ;;
        --backlog) return ;;
        --drain) return ;;
        --memory-limit) COMPREPLY=($(compgen -W "BYTES auto off" -- "$value")); return ;;
        --connection-rate) return ;;
        --connections-per-address) return ;;
        --trusted-proxies) return ;;
        --durability) COMPREPLY=($(compgen -W "async process disk off" -- "$value")); return ;;
        --replay-memory) return ;;
        --scaling-channel) return ;;
        --redis-url) return ;;
        --redis-host) return ;;
        --redis-port) return ;;
        --redis-username) return ;;
        --redis-password) return ;;
        --redis-db) return ;;
        --redis-sentinels) return ;;
        --redis-sentinel-master) return ;;
        --redis-sentinel-username) return ;;
        --redis-sentinel-password) return ;;
        --redis-cluster) return ;;
        --redis-ca) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --redis-cert) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --redis-key) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --redis-prefix) return ;;
        --cluster-grace) return ;;
        --cluster-lease) return ;;
        --cluster-deadline) return ;;
        --admin-address) return ;;
        --admin-token) return ;;
        --data-dir) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --config) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --env-file) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --log-format) COMPREPLY=($(compgen -W "auto text json" -- "$value")); return ;;
        --log-level) COMPREPLY=($(compgen -W "debug info warn error" -- "$value")); return ;;
        --project) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --url) return ;;
        --idle) return ;;
        --output) COMPREPLY=($(compgen -f -- "$value")); return ;;
        --every) return ;;
        --channels) return ;;
        --app) return ;;
        --prefix) return ;;
        --from) return ;;
        --limit) return ;;
        --before) return ;;
    esac
    case ${at:-/} in
        /) words="start config check doctor apps restart top log health completion man version --help --version" ;;
        /start) words="--help --host= --port= --path= --loops= --tls-cert= --tls-key= --tls-port= --unix-socket= --unix-socket-mode= --hostname= --public-port= --scheme= --app-id= --app-key= --app-secret= --max-connections= --max-message-size= --ping-interval= --activity-timeout= --accept-client-events-from= --allowed-origins= --rate-limiting --rate-limit-max-attempts= --rate-limit-decay-seconds= --rate-limit-terminate --cache-ttl= --subscription-count --max-subscriptions= --max-presence-members= --max-user-info= --max-batch= --compression --compression-min-size= --auth-timestamp= --history-messages= --history-age= --history-bytes= --replay-messages= --replay-bytes= --max-request-size= --backlog= --drain= --memory-limit= --connection-rate= --connections-per-address= --trusted-proxies= --durability= --replay-memory= --scaling --scaling-channel= --redis-url= --redis-host= --redis-port= --redis-username= --redis-password= --redis-db= --redis-sentinels= --redis-sentinel-master= --redis-sentinel-username= --redis-sentinel-password= --redis-cluster= --redis-tls --redis-ca= --redis-cert= --redis-key= --redis-prefix= --cluster-grace= --cluster-lease= --cluster-deadline= --admin-address= --admin-token= --data-dir= --config= --env-file= --log-format= --log-level= --debug" ;;
        /config) words="--help --host= --port= --path= --loops= --tls-cert= --tls-key= --tls-port= --unix-socket= --unix-socket-mode= --hostname= --public-port= --scheme= --app-id= --app-key= --app-secret= --max-connections= --max-message-size= --ping-interval= --activity-timeout= --accept-client-events-from= --allowed-origins= --rate-limiting --rate-limit-max-attempts= --rate-limit-decay-seconds= --rate-limit-terminate --cache-ttl= --subscription-count --max-subscriptions= --max-presence-members= --max-user-info= --max-batch= --compression --compression-min-size= --auth-timestamp= --history-messages= --history-age= --history-bytes= --replay-messages= --replay-bytes= --max-request-size= --backlog= --drain= --memory-limit= --connection-rate= --connections-per-address= --trusted-proxies= --durability= --replay-memory= --scaling --scaling-channel= --redis-url= --redis-host= --redis-port= --redis-username= --redis-password= --redis-db= --redis-sentinels= --redis-sentinel-master= --redis-sentinel-username= --redis-sentinel-password= --redis-cluster= --redis-tls --redis-ca= --redis-cert= --redis-key= --redis-prefix= --cluster-grace= --cluster-lease= --cluster-deadline= --admin-address= --admin-token= --data-dir= --config= --env-file= --log-format= --log-level= --debug --json --show-secrets" ;;
        /check) words="--help --host= --port= --path= --loops= --tls-cert= --tls-key= --tls-port= --unix-socket= --unix-socket-mode= --hostname= --public-port= --scheme= --app-id= --app-key= --app-secret= --max-connections= --max-message-size= --ping-interval= --activity-timeout= --accept-client-events-from= --allowed-origins= --rate-limiting --rate-limit-max-attempts= --rate-limit-decay-seconds= --rate-limit-terminate --cache-ttl= --subscription-count --max-subscriptions= --max-presence-members= --max-user-info= --max-batch= --compression --compression-min-size= --auth-timestamp= --history-messages= --history-age= --history-bytes= --replay-messages= --replay-bytes= --max-request-size= --backlog= --drain= --memory-limit= --connection-rate= --connections-per-address= --trusted-proxies= --durability= --replay-memory= --scaling --scaling-channel= --redis-url= --redis-host= --redis-port= --redis-username= --redis-password= --redis-db= --redis-sentinels= --redis-sentinel-master= --redis-sentinel-username= --redis-sentinel-password= --redis-cluster= --redis-tls --redis-ca= --redis-cert= --redis-key= --redis-prefix= --cluster-grace= --cluster-lease= --cluster-deadline= --admin-address= --admin-token= --data-dir= --config= --env-file= --log-format= --log-level= --debug --json" ;;
        /doctor) words="--help --host= --port= --path= --loops= --tls-cert= --tls-key= --tls-port= --unix-socket= --unix-socket-mode= --hostname= --public-port= --scheme= --app-id= --app-key= --app-secret= --max-connections= --max-message-size= --ping-interval= --activity-timeout= --accept-client-events-from= --allowed-origins= --rate-limiting --rate-limit-max-attempts= --rate-limit-decay-seconds= --rate-limit-terminate --cache-ttl= --subscription-count --max-subscriptions= --max-presence-members= --max-user-info= --max-batch= --compression --compression-min-size= --auth-timestamp= --history-messages= --history-age= --history-bytes= --replay-messages= --replay-bytes= --max-request-size= --backlog= --drain= --memory-limit= --connection-rate= --connections-per-address= --trusted-proxies= --durability= --replay-memory= --scaling --scaling-channel= --redis-url= --redis-host= --redis-port= --redis-username= --redis-password= --redis-db= --redis-sentinels= --redis-sentinel-master= --redis-sentinel-username= --redis-sentinel-password= --redis-cluster= --redis-tls --redis-ca= --redis-cert= --redis-key= --redis-prefix= --cluster-grace= --cluster-lease= --cluster-deadline= --admin-address= --admin-token= --data-dir= --config= --env-file= --log-format= --log-level= --debug --project= --url= --idle= --json --strict" ;;
        /apps) words="import --help" ;;
        /apps/import) words="--help --output= --force --env --env-file=" ;;
        /restart) words="--help --data-dir= --config= --env-file=" ;;
        /top) words="--help --data-dir= --config= --env-file= --every= --channels= --once --json" ;;
        /log) words="list show truncate compact --help" ;;
        /log/list) words="--help --data-dir= --config= --env-file= --app= --prefix= --json" ;;
        /log/show) words="--help --data-dir= --config= --env-file= --app= --from= --limit= --full --json" ;;
        /log/truncate) words="--help --data-dir= --config= --env-file= --app= --before= --all --yes --json" ;;
        /log/compact) words="--help --data-dir= --config= --env-file= --json" ;;
        /health) words="--help --host= --port= --path= --loops= --tls-cert= --tls-key= --tls-port= --unix-socket= --unix-socket-mode= --hostname= --public-port= --scheme= --app-id= --app-key= --app-secret= --max-connections= --max-message-size= --ping-interval= --activity-timeout= --accept-client-events-from= --allowed-origins= --rate-limiting --rate-limit-max-attempts= --rate-limit-decay-seconds= --rate-limit-terminate --cache-ttl= --subscription-count --max-subscriptions= --max-presence-members= --max-user-info= --max-batch= --compression --compression-min-size= --auth-timestamp= --history-messages= --history-age= --history-bytes= --replay-messages= --replay-bytes= --max-request-size= --backlog= --drain= --memory-limit= --connection-rate= --connections-per-address= --trusted-proxies= --durability= --replay-memory= --scaling --scaling-channel= --redis-url= --redis-host= --redis-port= --redis-username= --redis-password= --redis-db= --redis-sentinels= --redis-sentinel-master= --redis-sentinel-username= --redis-sentinel-password= --redis-cluster= --redis-tls --redis-ca= --redis-cert= --redis-key= --redis-prefix= --cluster-grace= --cluster-lease= --cluster-deadline= --admin-address= --admin-token= --data-dir= --config= --env-file= --log-format= --log-level= --debug" ;;
        /completion) words="bash zsh fish --help" ;;
        /man) words="--help" ;;
        /version) words="--help" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$value"))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _resound resound
