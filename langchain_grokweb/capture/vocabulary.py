"""The words of the protocol: all that stays as it is in a capture (rest.md 2 to 4, gateway.md 2 to 4).

Whatever is not here is replaced. So what was said can stay in a capture only where it is a word of this list, in a
place where the protocol has its names, or its values that are counted out.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words_of(name: str) -> list[str]:
    """The words of a name in either spelling, in small letters: `imageUrl` and `image_url` have the same."""
    return [word.lower() for word in _WORD.findall(name)]


def plain(name: str) -> str:
    """A name in the spelling of `NAMES`."""
    return "_".join(words_of(name))


NAMES = frozenset(
    """
    accept_interleaved_phases active_response_id add_memory add_response_request agent_customizations
    allow_auto_share allow_companion_notifications allow_grok_finished_notification allow_indexing
    allow_share_indexing allow_x_personalization anon_id anti_bot args arguments aspect_ratio asset_id assets
    attachment_file_too_large attachment_image_too_large attachment_load_failed attachment_moderated
    attachment_too_many_pages attachments audio_gen auth_notification availability available badge_text
    banner_message bash beyond_context_length blocked browse_page browser_geo_location browser_network_details
    browser_tab cached_image_generation_response cached_page_url card_attachment card_attachments
    card_attachments_json card_id card_type castle_request_token category channel chatroom_send choose_sbs_response
    chunk citation_id cited_collection_search_results cited_connector_search_results cited_rag_results
    cited_web_search_results cited_xposts client_event_id client_message_id client_side_toolsets client_tool_call
    code code_execution code_execution_result collection_ids collection_results collection_search
    collection_search_results collections_search coming_soon command_timed_out community_note companion_id
    completed_parts concurrency_limit connector_id connector_ids connector_name connector_results connector_search
    connector_search_results connectors content content_index content_moderated content_part content_type
    conversation conversation_attached conversation_id conversation_not_found conversation_search conversations cost
    create_time created_at creator credentials current_status custom_instructions custom_personality
    dark_mode_enabled data_url date_last_crawled date_published deep_search_status deepsearch_preset
    default_anon_mode default_anon_model default_free_mode default_free_model default_heavy_mode default_heavy_model
    default_mode_id default_pro_mode default_pro_model delete_memory delta description details device_env_info
    device_pixel_ratio disable_artifact disable_artifact_diff disable_memory disable_personalization disable_search
    disable_self_harm_short_circuit disable_text_follow_ups disable_web_search disable_x_search
    disabled_connector_ids disclaimer display_name do_force_trigger_artifact document_search download_signed_url
    dropped_count edit_file edit_image edit_memory edit_spreadsheet edited_image effort email enable_420
    enable_castle_chat_minting enable_early_access_models enable_image_generation enable_image_streaming
    enable_memory enable_nsfw enable_side_by_side enabled_skills err_msg error error_message event event_id
    exclude_from_training exists exit_code extra_snippets failed_count fast_tool_response favicon favorite_count
    feature_name feedback_labels file file_attachment_asset_metadata file_attachment_ids file_attachments
    file_attachments_metadata file_id file_mention file_metadata file_metadata_id file_mime_type file_name file_path
    file_size file_source file_uri file_uris filename filter_is_starred final_metadata finance_crypto_card
    finance_stock_card follow_up_suggested_mode follow_up_suggestions follow_up_type force_concise force_elastic
    force_side_by_side function gateway generate_image generated_image generated_image_height generated_image_url
    generated_image_urls generated_image_width generated_title global_rate_limit gmail_search google_calendar_search
    google_drive_read_file google_drive_search has_watermark height high_effort_rate_limits highlights_stories
    humanized_date icon icon_hint id image image_attachment_count image_attachment_info image_attachments
    image_chunk image_description image_dimensions image_edit image_edit_model image_edit_model_config
    image_edit_uri image_edit_uris image_gen image_generation_count image_generation_response image_id image_index
    image_model image_pro image_prompt image_reference image_references image_search image_side_by_side_index
    image_to_image image_url image_uuid imagine_project_id index inflight_responses init_terminal_session
    initial_leaf_id initial_load_id input_assets input_chunks input_text instructions intent internal_error
    invalid_envelope is_async_chat is_control is_deleted is_final is_from_grok_files is_kids_mode is_latest
    is_model_generated is_preset is_public is_reasoning is_regen_request is_root_user_uploaded is_soft_stop
    is_temporary is_thinking is_truncated item item_id json_data keep_alive keep_context key kind label
    last_use_time latest_asset_metadata layout leaf_response_id link link_query llm_info load_existing locale
    low_effort_rate_limits manual match_type matched_response_id max_pages max_size_bytes media_gen_input media_type
    media_types media_url memory_content memory_references mention message message_step_id message_tag message_type
    metadata metadata_title mid_turn mime_type minimum_subscription_tier mod_time mode mode_description mode_id
    mode_name model model_config_override model_hash model_id model_mode model_name model_not_available
    model_override_key model_response models models_user_can_use moderated modes modify_time msg_id name
    needs_history new_title next_available_at next_page_token object open_page organization_id orientation origin
    original original_height original_width outlook_calendar_search outlook_search output output_chunks output_index
    output_item output_modalities output_text page_size page_token parent parent_post parent_post_id
    parent_quoted_text parent_response_id parsed_file_uri parsed_text part partial pdf_browse pdf_search percentage
    percentage_complete permission_answer phase_index phase_marker post_id pre_generation_delay_ms preferences
    presigned preview preview_image_key preview_url previous_item_id product_search profile_image_url progress
    progress_report prompt prompting_backend properties protocol_capabilities query query_action query_type
    question_answer queue queue_item_id quote quote_post quote_post_id r_rated rag_results rate_limited
    rate_limited_count raw_function_result read_file reason reasoning_effort reasoning_text reasoning_ui_layout
    rejection_reason remaining_queries remaining_tokens render_citation render_edited_image render_file
    render_file_preview render_generated_image render_generated_video render_imagine_media_board
    render_inline_citation render_per_message_limit_exceeded render_searched_image render_start render_tool_failed
    render_tool_rate_limited request_cancelled request_id request_kind request_metadata request_model_details
    required_headers requires_upgrade resolution_name response response_id response_ids response_metadata
    response_nodes response_type responses result results resume_response_id return_image_bytes
    return_raw_grok_in_xai_request role rollout_id rollout_ids screen_height screen_width search_all_connectors
    search_engine_text search_images search_product_results search_query search_result search_type searched_image
    selected_file_text send_final_metadata sender seq session session_id severity share_link_id share_link_path
    share_links share_publicly share_with_team_members shared side_by_side_config side_by_side_index signed_url
    single_put site_name size size_bytes skill_id skill_name skills skip_cancel_current_inflight_requests
    skip_response_cache snippet source starred start_line state status status_details stderr stdout steer_model_id
    step_id steps stream_error stream_errors stream_key streaming_image_generation_response streaming_metadata
    streaming_video_generation_response subscriptions suggestions summary supported_fast_tools system_err_code
    system_kill_switch system_prompt_name tags target task_result task_result_id team_id team_members_to_share
    template_id temporary terminal_error text text_search_matches text_to_video thinking_end_time
    thinking_start_time thinking_trace third_party_file_id third_party_file_mime_type thread_parent_id thumbnail
    thumbnail_image_url title to token tool_args_json tool_call_failed tool_call_id tool_name tool_overrides
    tool_partial_result tool_permission tool_request tool_response tool_responses tool_result tool_result_json
    tool_usage tool_usage_card tool_usage_card_id tool_usage_cards tool_usage_results tools_used total_queries
    total_tokens trends_search type ui_layout uid unavailable unavailable_models upload_id upload_method
    upsampled_prompt url usage usage_limit_reached usage_pool_exhausted use_chunk user user_id user_input_request
    user_input_response user_prompt_too_long user_question user_response userhandle username uuid verified_type
    video video_720_p video_chunk video_gen video_id video_length video_post_id video_url view_count view_image
    view_x_video viewer_is_owner viewport_height viewport_width visible wait_time_seconds web_results web_search
    web_search_results webpage_urls webpages width will_think_long window_size_seconds workspace_id workspace_ids
    workspaces write_file x_grok x_keyword_search x_media_search x_post x_post_analyze x_search x_search_results
    x_semantic_search x_sentiment_search x_thread x_thread_fetch x_user_analyze x_user_id x_user_search xai_user_id
    xpost_ids xposts
    """.split()
)
"""The members that objects of either wire have, in the gateway's spelling."""

# Values that are counted out: types of events, tags, roles, states, tools, kinds of cards, modes and models.
_VALUES = """
    session.create session.created session.update session.updated session.ended conversation.attached
    conversation.commands.updated conversation.history.item conversation.history.done conversation.queue.updated
    conversation.queue.add conversation.queue.remove conversation.queue.edit conversation.queue.move
    conversation.queue.interject conversation.item.create conversation.item.added conversation.title.updated
    response.create response.created response.output_item.added response.content_part.added response.chunk
    response.output_text.delta response.reasoning_text.delta response.search.result response.grok.output
    response.output_text.done response.content_part.done response.output_item.done response.completed response.done
    response.persisted response.error response.cancel presence.update ping pong error
    final header summary tool_usage_card raw_function_result assistant heartbeat analysis thinking intermediate
    human user system realtime.conversation new ok in_progress completed incomplete failed cancelled active finished
    message output_text input_text text stream_error none default deeper
    CHANNEL_UNSPECIFIED CHANNEL_ASSISTANT_RESPONSE CHANNEL_ASSISTANT_THINKING CHANNEL_ANALYSIS CHANNEL_REASONING
    CHANNEL_ASSISTANT_NOTETAKER_HEADER CHANNEL_ASSISTANT_NOTETAKER_SUMMARY KIND_THINKING_START KIND_RESPONSE_START
    CITATION_KIND_WEB_PAGE CITATION_KIND_X_POST CITATION_KIND_X_USER CITATION_KIND_X_THREAD
    CITATION_KIND_CONNECTOR_DOCUMENT CITATION_KIND_COLLECTION_DOCUMENT STREAM_ERROR_SEVERITY_UNKNOWN
    STREAM_ERROR_SEVERITY_NORMAL STREAM_ERROR_SEVERITY_FATAL RESPONSE_STATUS_UNKNOWN RESPONSE_STATUS_ACTIVE
    PROGRESS_REPORT_CATEGORY_ATTACHMENTS_PREPROCESSING HISTORY_ATTACHMENTS_PREPROCESSING WEBPAGE TOOL_PROCESSING
    HEAVY_ROLLOUT PROGRESS_REPORT_STATUS_PENDING PROGRESS_REPORT_STATUS_SUCCESS PROGRESS_REPORT_STATUS_FAILURE
    TOOL_CALL_STATUS ORIENTATION_PORTRAIT ORIENTATION_LANDSCAPE LAYOUT_BLOCK LAYOUT_INLINE square
    UNIFIED SPLIT HEAVY FUNCTION_CALL LOW MEDIUM HIGH MEDIA_REJECTION_REASON_IP MEDIA_REJECTION_REASON_SAFETY
    MODEL_MODE_AUTO MODEL_MODE_FAST MODEL_MODE_EXPERT SELF_UPLOAD_FILE_SOURCE GOOGLE_DRIVE_FILE_SOURCE
    ONE_DRIVE_FILE_SOURCE IMAGINE_SELF_UPLOAD_FILE_SOURCE IMAGINE_GENERATED_FILE_SOURCE FILE_SOURCE_GROK
    ERR_CHECK_IMAGE_PROMPT ERR_SUGGEST_MOD_RULES ERR_CHECK_FINAL_IMAGE ERR_CHECK_VIDEO ERR_RATE_LIMITED
    ERR_GENERATION_FAILED ERR_RENDER_PER_MESSAGE_LIMIT_EXCEEDED rate_limit DIVE_DEEPER TANGENTIAL TEXT
    citation_card generated_image_card edited_image_card rendered_file_card render_inline_citation
    render_generated_image render_edited_image render_searched_image render_file custom_methods_v1
    workspace_servers_v1 connectors-v2 DEFAULT REASONING DEEPSEARCH DEEPERSEARCH
    grok auto fast expert heavy build mini latest beta non w tool tahoe computer use sa imagine image edit video gen x
    web_search x_search open_page browse_page image_search code_execution chatroom_send call_finance_api
    call_sports_api call_weather_api call_places_api mcp wait pdf view page
    png jpeg jpg gif webp mp4 webm pdf plain csv html markdown json xml octet stream application audio mpeg wav zip svg
    unauthenticated bad credentials unauthorized blocked moderated envelope anti bot not found invalid argument
    internal unavailable permission exhausted oauth2 auth forbidden
"""
_VALUE_WORDS = frozenset(words_of(_VALUES))
_NAME_WORDS = frozenset(word for name in NAMES for word in name.split("_"))
_VALUE = re.compile(r"[A-Za-z0-9_.:/+-]{1,80}")
_MAX_DIGITS = 4

# Members whose values are counted out.
COUNTED_OUT = frozenset(
    """
    type kind channel status state severity role sender message_tag mode model model_id model_name mode_id
    steer_model_id model_mode effort layout orientation reasoning_ui_layout category query_type search_type card_type
    mime_type file_mime_type content_type media_type media_types file_source verified_type reason code object
    output_modalities protocol_capabilities follow_up_type message_type tags request_kind tool_name image_model
    system_err_code rejection_reason deepsearch_preset client_side_toolsets method
    """.split()
)
# Members whose numbers say where something stands, not what it is.
PLACES = frozenset(
    """
    step_id phase_index citation_id progress seq image_index index message_step_id side_by_side_index output_index
    content_index width height code percentage exit_code image_generation_count status generated_image_width
    generated_image_height original_width original_height
    """.split()
)
# Members that hold JSON in a string.
NESTED = frozenset("json_data card_attachments_json tool_args_json tool_result_json".split())
# Members of which many make one text.
STREAMED = frozenset("token text delta".split())
# Paths of the service's own files (rest.md 2.4).
PATHS = frozenset(
    """
    users anon-users generated content image.jpg generated_video.mp4 preview_image.jpg rest app-chat conversations new
    responses reconnect-response-v2
    """.split()
)
HOSTS = frozenset(["x.com", "www.x.com", "twitter.com", "www.twitter.com", "grok.com", "assets.grok.com"])
# Whole texts of the service's that say nothing of a conversation.
TEXTS = frozenset(["New conversation", "Thinking about your request"])
HEADLINE = "Thinking about your request"
# What is kept of the texts of errors: the sentences that the protocol pages quote, or what decides the reason.
ERRORS = re.compile(
    "|".join(
        re.escape(phrase)
        for phrase in (
            "Request rejected by anti-bot rules.",
            "Grok is under heavy usage right now.",
            "Please try again later, use a different model or upgrade plan for higher limits.",
            "You've reached your usage limit. Please try again later.",
            "You've reached your usage limit.",
            "Too many requests. Wait a moment and try again.",
            "Too many requests",
            "This service is not available in your region",
            "Bad credentials.",
            "User is blocked",
            "Model is not found",
            "anti-bot rejected",
            "invalid envelope",
            "Conversation not found",
            "session not found",
            "failed to look up session id",
            "token revoked",
            "token expired",
            "account suspended",
            "Image dimensions are insufficient",
            "heavy usage",
            "usage limit",
            "usage quota",
            "anti-bot",
            "moderated",
            "rate limit",
            "subscription",
        )
    )
    + r"|\[WKE=[a-z0-9:-]{1,80}\]",
    re.IGNORECASE,
)
# Of a page in place of an answer, the signs by which it is known (rest.md 1.5 and 8.15).
SIGNS = (
    "Just a moment",
    "Attention Required! | Cloudflare",
    "/orchestrate/chl_page",
    "_cf_chl_opt",
    "challenge-platform",
    "you have been blocked",
    *(
        f"{words} {code}"
        for words in ("error code:", "error")
        for code in (1005, 1006, 1007, 1008, 1009, 1010, 1012, 1015, 1020, 1106)
    ),
)


def is_name(name: str, *, exactly: bool = False) -> bool:
    """Whether a member's name is the protocol's, or made of two or more of its words: one that is new."""
    spelled = plain(name)
    if spelled in NAMES:
        return True
    words = spelled.split("_")
    return not exactly and len(words) > 1 and name.isidentifier() and all(word in _NAME_WORDS for word in words)


def is_value(value: str) -> bool:
    """Whether a text is made of words that values which are counted out have."""
    if not _VALUE.fullmatch(value):
        return False
    words = words_of(value)
    return all(len(word) <= _MAX_DIGITS if word.isdigit() else _is_known(word) for word in words)


def _is_known(word: str) -> bool:
    return word in _VALUE_WORDS or word in _NAME_WORDS
