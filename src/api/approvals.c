/* /v1/approvals. */
#include "api/handlers.h"
#include "api/private.h"

void api_approvals_list(struct api_call *call)
{
    api_not_found(call);
}
void api_approvals_one(struct api_call *call)
{
    api_not_found(call);
}
void api_approvals_decide(struct api_call *call)
{
    api_not_found(call);
}
